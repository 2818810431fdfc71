import { Config, ConfigProvider, Context, Effect, Option, Schema } from "effect"

/** A setting whose value is none of those accepted, or a variable that is no setting. `message` is the one line an operator sees. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", { message: Schema.String }) {}

/**
 * A place where settings are written, as it is shown to an operator, and what is written there.
 *
 * @property lineOf the line that a name is on, where the place has lines
 */
export interface Source {
  readonly origin: string
  readonly provider: ConfigProvider.ConfigProvider
  readonly lineOf?: (name: string) => number | undefined
}

/**
 * Places beside the environment: `stronger` ones win over it, such as flags, `weaker` ones do not, such as a file.
 *
 * @property file the one of `--config`, to be read again
 */
interface Others {
  readonly stronger: ReadonlyArray<Source>
  readonly weaker: ReadonlyArray<Source>
  readonly file?: { readonly path: string; readonly read: Effect.Effect<Source, SettingsError> } | undefined
}

export const OtherSources = Context.Reference<Others>("aviary/SettingSources/Others", {
  defaultValue: () => ({ stronger: [], weaker: [] }),
})

/** Every place, the strongest first. */
export const sources: Effect.Effect<ReadonlyArray<Source>> = Effect.gen(function* () {
  const { stronger, weaker } = yield* OtherSources
  return [...stronger, { origin: "environment", provider: yield* ConfigProvider.ConfigProvider }, ...weaker]
})

/** Where in a place a name is written, for a message; empty where there is nothing more to say. */
export const placeIn = ({ lineOf, origin }: Source, name: string): string => {
  const line = lineOf?.(name)
  return line === undefined ? "" : `${origin}, line ${line}: `
}

/** What the strongest place that has a value for `name` says; one that `counts` not is passed over. */
export const written = Effect.fnUntraced(function* (name: string, counts: (value: string) => boolean) {
  for (const source of yield* sources) {
    const found = yield* Effect.provideService(
      Config.option(Config.String(name)),
      ConfigProvider.ConfigProvider,
      source.provider,
    )
    if (Option.isSome(found) && counts(found.value)) return { value: found.value, source }
  }
  return undefined
})

/** One setting as it is in force: as it was written, and where. A secret's value is not kept here. */
export interface SettingInForce {
  readonly name: string
  readonly value: string | null
  readonly origin: string
}
