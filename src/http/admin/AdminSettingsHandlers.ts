import { Clock, Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import { Fleet } from "../../health/Fleet.ts"
import { SettingsInForce } from "../../SettingSources.ts"
import { Settings, table } from "../../Settings.ts"
import { version } from "../../telemetry/Version.ts"

const rows = new Map(Object.values(table).map((row) => [row.name, row]))

/** `/admin/settings`. */
export const AdminSettingsHandlers = handlersOf(
  Api,
  "adminSettings",
  Effect.fnUntraced(function* (handlers) {
    const { currency } = yield* Settings
    const inForce = yield* SettingsInForce
    const fleet = yield* Fleet
    const report = {
      version,
      node: process.version,
      startedAt: Math.round((yield* Clock.currentTimeMillis) - process.uptime() * 1_000),
      currency,
      models: { speech: fleet.traits("magpie").model, transcription: fleet.traits("parakeet").model },
      settings: inForce.map(({ name, origin, value }) => {
        const { accepts, default: byDefault, meaning, secret } = rows.get(name)!
        return { name, value, origin, accepts, meaning, secret, default: byDefault ?? null }
      }),
    }
    return handlers.handle("list", () => Effect.succeed(report))
  }),
)
