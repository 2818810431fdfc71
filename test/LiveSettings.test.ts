import { expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger } from "effect"
import { limitTable } from "../src/LimitSettings.ts"
import { LiveSettings } from "../src/LiveSettings.ts"
import { readingTable } from "../src/ReadingSettings.ts"
import { canChange } from "../src/SettingKinds.ts"
import { OtherSources, SettingsError } from "../src/SettingSources.ts"
import { Settings, table } from "../src/Settings.ts"

type Written = Record<string, string>

/** Settings of a file whose words can be replaced, as `--config` has them. */
const withFile = (first: Written) => {
  const file = { now: first, said: [] as Array<string> }
  const read = Effect.sync(() => ({ origin: "aviary.toml", provider: ConfigProvider.fromUnknown(file.now) }))
  const said = Logger.make(({ message }) => void file.said.push(String(message)))
  const layer = Layer.unwrap(
    Effect.map(read, (source) =>
      Settings.layer.pipe(
        Layer.provide(
          Layer.succeed(OtherSources, { stronger: [], weaker: [source], file: { path: "aviary.toml", read } }),
        ),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))),
      ),
    ),
  )
  return { file, layer: Layer.merge(layer, Logger.layer([said])) }
}

it("what is marked as live is what LiveSettings has", () => {
  const marked = Object.entries(table).flatMap(([key, row]) => (canChange<unknown>(row) ? [key] : []))
  expect(marked.toSorted()).toEqual(Object.keys({ ...readingTable, ...limitTable }).toSorted())
})

it.effect("what needs a restart is compared with the start, each time, and a secret is told by its name alone", () => {
  const { file, layer } = withFile({ AVIARY_PORT: "81", AVIARY_ADMIN_TOKEN: "a-token-of-an-operator" })
  return Effect.gen(function* () {
    const { inForce, now, reload } = yield* LiveSettings
    file.now = { AVIARY_PORT: "82", AVIARY_ADMIN_TOKEN: "another-token-of-an-operator", AVIARY_QUEUE_LENGTH: "3" }
    const needsRestart = ["AVIARY_PORT", "AVIARY_ADMIN_TOKEN"]
    expect(yield* reload).toEqual({ file: "aviary.toml", changed: ["AVIARY_QUEUE_LENGTH"], needsRestart })
    expect(yield* reload).toEqual({ file: "aviary.toml", changed: [], needsRestart })
    expect(now().queueLength).toBe(3)
    const one = (name: string) => inForce().find((setting) => setting.name === name)
    expect(one("AVIARY_PORT")).toEqual({ name: "AVIARY_PORT", value: "81", origin: "aviary.toml" })
    expect(one("AVIARY_QUEUE_LENGTH")?.value).toBe("3")
    expect(file.said.join(" ")).not.toContain("token-of")
  }).pipe(Effect.provide(layer))
})

it.effect("a change that somebody objects to is none, whatever else is in the file", () => {
  const { file, layer } = withFile({})
  return Effect.gen(function* () {
    const { checkedBy, now, reload } = yield* LiveSettings
    checkedBy(({ paces }) =>
      "xx" in paces ? Effect.fail(new SettingsError({ message: "nobody speaks xx" })) : Effect.void,
    )
    file.now = { AVIARY_PACES: '{"xx":[1,2]}', AVIARY_QUEUE_LENGTH: "3" }
    expect((yield* Effect.flip(reload)).message).toBe("nobody speaks xx")
    expect(now()).toMatchObject({ paces: {}, queueLength: 64 })
    expect(file.said).toEqual(["The settings stay as they are: nobody speaks xx"])
  }).pipe(Effect.provide(layer))
})

it.effect("without a file nothing can have changed, which the log says", () => {
  const said: Array<string> = []
  return Effect.gen(function* () {
    const { reload } = yield* LiveSettings
    expect(yield* reload).toEqual({ file: null, changed: [], needsRestart: [] })
    expect(said).toEqual(["There is no file of settings to be read again: the gateway was started without --config."])
  }).pipe(
    Effect.provide([
      Settings.layerTest(),
      Logger.layer([Logger.make(({ message }) => void said.push(String(message)))]),
    ]),
  )
})
