import { expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { Settings, table } from "../../src/Settings.ts"
import { read } from "./Tree.ts"

const page = read("docs/engines.md")
const blocks = Array.from(page.matchAll(/```sh\n([\s\S]*?)```/g), ([, block]) =>
  Array.from(block!.matchAll(/^(AVIARY_\w+)=(.*)$/gm), ([, name, value]) => [name!, value!] as const),
).filter((settings) => settings.length > 0)

it.effect("every example in docs/engines.md is taken as it stands", () =>
  Effect.gen(function* () {
    expect(blocks.length).toBeGreaterThan(6)
    for (const block of blocks) {
      const written = ConfigProvider.layer(ConfigProvider.fromUnknown(Object.fromEntries(block)))
      const settings = yield* Layer.build(Settings.layer.pipe(Layer.provide(written))).pipe(
        Effect.flatMap((context) => Effect.provide(Effect.service(Settings), context)),
        Effect.scoped,
      )
      expect(settings.magpieUrl ?? settings.parakeetUrl ?? settings.parakeetModelDir).toBeDefined()
    }
  }),
)

it("docs/engines.md names only settings that there are", () => {
  const known: ReadonlyArray<string> = Object.values(table).map(({ name }) => name)
  expect(
    Array.from(page.matchAll(/AVIARY_[A-Z_]*[A-Z]/g), ([name]) => name).filter((name) => !known.includes(name)),
  ).toEqual([])
})
