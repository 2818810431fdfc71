import { describe, expect, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { Effect, Layer, Option, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { audio, cacheAt, description, keyOf, node, put, read, temporary } from "../support/cache.ts"

const files = Layer.unwrap(Effect.map(temporary, (directory) => cacheAt(directory))).pipe(Layer.provide(node))

for (const [name, make] of [
  ["files", files],
  ["memory", AtomicCache.layerMemory],
] as const) {
  describe(`AtomicCache over ${name}`, () => {
    const live = (title: string, test: Effect.Effect<void, unknown, AtomicCache>) =>
      it.live(title, () => Effect.provide(test, make, { local: true }))

    live(
      "answers with exactly what was committed, and with what was said about it",
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        yield* put("a", audio(1))
        expect(yield* read("a")).toEqual(audio(1))
        const entry = yield* Effect.scoped(cache.get(keyOf("a")))
        expect(Option.getOrThrow(entry).metadata).toMatchObject({ ...description, key: keyOf("a"), length: 1_000 })
      }),
    )

    live(
      "begins an entry with the head that its commit brought, and answers for the bytes as they are then",
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        const head = new Uint8Array(44).fill(7)
        const bytes = audio(1, 200_000)
        const { sha256, length } = yield* Effect.scoped(
          Effect.gen(function* () {
            const writer = yield* cache.write(keyOf("a"))
            for (let at = 0; at < bytes.length; at += 70_000) yield* writer.append(bytes.subarray(at, at + 70_000))
            return yield* writer.commit(description, head)
          }),
        )
        const kept = new Uint8Array(Buffer.concat([head, bytes.subarray(44)]))
        expect(yield* read("a")).toEqual(kept)
        expect([sha256, length]).toEqual([createHash("sha256").update(kept).digest("hex"), bytes.length])
        expect(yield* read("a", { start: 40, end: 50 })).toEqual(kept.slice(40, 50))
      }),
    )

    live(
      "serves a range of bytes",
      Effect.gen(function* () {
        yield* put("a", audio(1, 200_000))
        expect(yield* read("a", { start: 70_000, end: 140_001 })).toEqual(audio(1, 200_000).slice(70_000, 140_001))
      }),
    )

    live(
      "lists what it holds by key, all of it or what comes after a key that may be gone",
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`)
        for (const text of texts) yield* put(text, audio(1))
        const keys = texts.map(keyOf).toSorted()
        const keysOf = (list: typeof cache.list) =>
          Effect.map(Stream.runCollect(list), (found) => found.map((metadata) => metadata.key))
        expect(yield* keysOf(cache.list)).toEqual(keys)
        expect(yield* keysOf(cache.listAfter(keys[7]!))).toEqual(keys.slice(8))
        yield* cache.remove(keys[7]!)
        expect(yield* keysOf(cache.listAfter(keys[7]!))).toEqual(keys.slice(8))
        expect(yield* keysOf(cache.listAfter(keys[19]!))).toEqual([])
      }),
    )

    live(
      "knows nothing of a writer that left without committing",
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        yield* Effect.scoped(Effect.flatMap(cache.write(keyOf("a")), (writer) => writer.append(audio(1))))
        expect(yield* read("a")).toBeUndefined()
      }),
    )
  })
}
