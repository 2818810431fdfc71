import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { readFile } from "node:fs/promises"
import * as OneLayerSwapped from "./embedding/OneLayerSwapped.ts"
import * as OwnEngine from "./embedding/OwnEngine.ts"
import * as WithoutSocket from "./embedding/WithoutSocket.ts"
import { read } from "./Tree.ts"

const dataDir = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeServices.layer),
)

it.live.each(["WithoutSocket", "OwnEngine", "OneLayerSwapped"])(
  "docs/embedding.md shows %s as it is run here",
  (name) =>
    Effect.sync(() => {
      const page = read("docs/embedding.md")
      expect(page).toContain(`\`\`\`ts\n${read(`test/house/embedding/${name}.ts`)}\`\`\``)
    }),
)

it.live("the whole gateway answers without a socket", () =>
  Effect.gen(function* () {
    const context = yield* Layer.build(WithoutSocket.gateway(yield* dataDir))
    const { status, bytes } = yield* Effect.provide(WithoutSocket.speak, context)
    expect(status).toBe(200)
    expect(Buffer.from(bytes).toString("latin1", 0, 4)).toBe("RIFF")
    expect((bytes.length - 44) / 48_000).toBeCloseTo(6 * 0.06, 2)
  }),
)

it.live("the speech program runs on an engine of one's own, and remembers", () =>
  Effect.gen(function* () {
    const [first, second] = yield* OwnEngine.sayTwice
    expect([first!.cache, second!.cache]).toEqual(["MISS", "HIT"])
    expect([first!.seconds, second!.seconds]).toEqual([1.3, 1.3])
  }),
)

it.live("the full gateway runs with one layer swapped", () =>
  Effect.gen(function* () {
    const context = yield* Layer.build(OneLayerSwapped.gateway(yield* dataDir))
    const clip = yield* Effect.promise(() =>
      readFile(new URL("../support/audio/sense-and-sensibility-0930.wav", import.meta.url)),
    )
    const { text } = yield* Effect.provide(OneLayerSwapped.listen(new Uint8Array(clip)), context)
    expect(text).toBe("I beg your pardon?")
  }),
)
