import { Console, Effect, Runtime, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { switchFlag } from "./Fields.ts"
import { type Finding, inspect } from "./Inspection.ts"
import { settingFlags, withSettings } from "./SettingFlags.ts"
import { table } from "./Table.ts"

/** Something would keep the gateway from its work; what was found has been printed. */
class CheckFailed extends Schema.TaggedError<CheckFailed>()("CheckFailed", { message: Schema.String }) {
  readonly code = "check_failed"
  override readonly [Runtime.errorExitCode] = 1
}

const marks = { good: "ok", warning: "look at it", bad: "BAD" } as const

const show = (findings: ReadonlyArray<Finding>) =>
  table(
    ["what", "", "found"],
    findings.map(({ detail, state, what }) => [what, marks[state], detail]),
  )

/** `aviary check` */
export const check = Command.make(
  "check",
  { ...settingFlags, json: switchFlag("json").pipe(Flag.withDescription("Print JSON, for scripts")) },
  ({ json, ...flags }) =>
    Effect.gen(function* () {
      const findings = yield* withSettings(flags, inspect).pipe(
        Effect.catchTag("SettingsError", ({ message }) =>
          Effect.succeed<ReadonlyArray<Finding>>([{ what: "settings", state: "bad", detail: message }]),
        ),
      )
      yield* Console.log(json ? JSON.stringify({ findings }, null, 2) : show(findings))
      const bad = findings.filter(({ state }) => state === "bad")
      if (bad.length > 0)
        return yield* new CheckFailed({ message: `not ready: ${bad.map(({ what }) => what).join(", ")}` })
    }),
).pipe(
  Command.withDescription("Look at settings, data directory, ledger, engines and helpers without starting anything"),
)
