import { Effect, Schema } from "effect"
import { type Setting, withoutPassword } from "./SettingKinds.ts"
import { isServiceLink } from "./SettingNames.ts"
import { placeIn, type SettingInForce, SettingsError, written } from "./SettingSources.ts"

/** A setting that was read. `written`: word for word, and so a secret of some. */
export interface ReadSetting {
  readonly value: unknown
  readonly written: string | undefined
  readonly inForce: SettingInForce
}

/** What is said for one setting, or its default, and where. */
export const readOne = Effect.fnUntraced(function* (one: Setting<unknown>) {
  const found = yield* written(one.name, (value) => !isServiceLink(one.name, value)).pipe(
    Effect.mapError((error) => new SettingsError({ message: `${one.name} cannot be read: ${error.message}` })),
  )
  const value = found?.value ?? one.default
  const shown = value === undefined || one.secret ? null : withoutPassword(one.name, value)
  const inForce: SettingInForce = { name: one.name, value: shown, origin: found?.source.origin ?? "default" }
  if (value === undefined) return { value, written: value, inForce } satisfies ReadSetting
  const place = found === undefined ? "" : placeIn(found.source, one.name)
  const decoded = yield* Schema.decodeEffect(one.codec)(value).pipe(
    Effect.mapError(
      () =>
        new SettingsError({
          message: `${place}${one.name}=${one.secret ? "<secret>" : JSON.stringify(shown)} is not valid: it accepts ${one.accepts}.`,
        }),
    ),
  )
  return { value: decoded, written: value, inForce } satisfies ReadSetting
})
