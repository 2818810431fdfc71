import { Clock, Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import { Errors } from "../../contract/Errors.ts"
import { Fleet } from "../../health/Fleet.ts"
import { LiveSettings } from "../../LiveSettings.ts"
import { canChange } from "../../SettingKinds.ts"
import { Settings, table } from "../../Settings.ts"
import { version } from "../../telemetry/Version.ts"
import { makeAnswer } from "../ErrorAnswers.ts"

const rows = new Map(Object.values(table).map((row) => [row.name, row]))

/** `/admin/settings`. */
export const AdminSettingsHandlers = handlersOf(
  Api,
  "adminSettings",
  Effect.fnUntraced(function* (handlers) {
    const { currency } = yield* Settings
    const live = yield* LiveSettings
    const answer = yield* makeAnswer
    const fleet = yield* Fleet
    const startedAt = Math.round((yield* Clock.currentTimeMillis) - process.uptime() * 1_000)
    const report = () => ({
      version,
      node: process.version,
      startedAt,
      currency,
      models: { speech: fleet.traits("magpie").model, transcription: fleet.traits("parakeet").model },
      settings: live.inForce().map(({ name, origin, value }) => {
        const row = rows.get(name)!
        const { accepts, default: byDefault, meaning, secret } = row
        return {
          name,
          value,
          origin,
          accepts,
          meaning,
          secret,
          default: byDefault ?? null,
          live: canChange<unknown>(row),
        }
      }),
    })
    return handlers
      .handle("list", () => Effect.sync(report))
      .handle("reload", () => answer(Effect.mapError(live.reload, ({ message }) => Errors.invalidSettings(message))))
  }),
)
