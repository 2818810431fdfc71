import { Config, ConfigProvider, Context, Effect, Option } from "effect"

/** A place where settings are written, as it is shown to an operator, and what is written there. */
export interface Source {
  readonly origin: string
  readonly provider: ConfigProvider.ConfigProvider
}

/** Places beside the environment: `stronger` ones win over it, such as flags, `weaker` ones do not, such as a file. */
export const OtherSources = Context.Reference<{
  readonly stronger: ReadonlyArray<Source>
  readonly weaker: ReadonlyArray<Source>
}>("aviary/SettingSources/Others", { defaultValue: () => ({ stronger: [], weaker: [] }) })

/** Every place, the strongest first. */
export const sources: Effect.Effect<ReadonlyArray<Source>> = Effect.gen(function* () {
  const { stronger, weaker } = yield* OtherSources
  return [...stronger, { origin: "environment", provider: yield* ConfigProvider.ConfigProvider }, ...weaker]
})

/** What the strongest place that has a value for `name` says; one that `counts` not is passed over. */
export const written = Effect.fnUntraced(function* (name: string, counts: (value: string) => boolean) {
  for (const { origin, provider } of yield* sources) {
    const found = yield* Effect.provideService(
      Config.option(Config.String(name)),
      ConfigProvider.ConfigProvider,
      provider,
    )
    if (Option.isSome(found) && counts(found.value)) return { value: found.value, origin }
  }
  return undefined
})

/** One setting as it is in force: as it was written, and where. A secret's value is not kept here. */
export interface SettingInForce {
  readonly name: string
  readonly value: string | null
  readonly origin: string
}

/** All of them, by the order of the table; nothing where no settings were read. */
export const SettingsInForce = Context.Reference<ReadonlyArray<SettingInForce>>("aviary/SettingSources/InForce", {
  defaultValue: () => [],
})
