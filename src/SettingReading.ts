import { Effect, Schema } from "effect"
import { type Setting, withoutPassword } from "./SettingKinds.ts"
import { isServiceLink } from "./SettingNames.ts"
import { type SettingInForce, written } from "./SettingSources.ts"

/** A setting whose value is none of those accepted, or a variable that is no setting. `message` is the one line an operator sees. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", { message: Schema.String }) {}

/** What is said for one setting, or its default, and where. */
export const readOne = Effect.fnUntraced(function* (one: Setting<unknown>) {
  const found = yield* written(one.name, (value) => !isServiceLink(one.name, value)).pipe(
    Effect.mapError((error) => new SettingsError({ message: `${one.name} cannot be read: ${error.message}` })),
  )
  const { value, origin } = found ?? { value: one.default, origin: "default" }
  const shown = value === undefined || one.secret ? null : withoutPassword(one.name, value)
  const inForce: SettingInForce = { name: one.name, value: shown, origin }
  if (value === undefined) return { value, inForce }
  const decoded = yield* Schema.decodeEffect(one.codec)(value).pipe(
    Effect.mapError(
      () =>
        new SettingsError({
          message: `${one.name}=${one.secret ? "<secret>" : JSON.stringify(shown)} is not valid: it accepts ${one.accepts}.`,
        }),
    ),
  )
  return { value: decoded, inForce }
})
