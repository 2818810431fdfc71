import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Option, type Scope, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { cacheKey } from "../../src/cache/CacheKey.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { layerCalls } from "./newFileCalls.ts"

/** Node's file system and paths. */
export const node = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

/** The key of a speech of `text`, all else equal. */
export const keyOf = (text: string) =>
  cacheKey({ text, voice: "v", language: "en-US", format: "mp3", sampleRate: 24_000, speed: 1, model: "m" })

export const description = { contentType: "audio/mpeg", durationMs: 1_000, characters: 5, voice: "v" }

/** Bytes that differ at every offset and for every `seed`. */
export const audio = (seed: number, length = 1_000) =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17 + seed * 7) & 255)

/** Writes and commits an entry, 300 bytes at a time. */
export const put = Effect.fnUntraced(function* (text: string, bytes: Uint8Array) {
  const cache = yield* AtomicCache
  const writer = yield* cache.write(keyOf(text))
  for (let at = 0; at < bytes.length; at += 300) yield* writer.append(bytes.subarray(at, at + 300))
  return yield* writer.commit(description)
}, Effect.scoped)

/** The bytes of an entry, or undefined where there is none. */
export const read = Effect.fnUntraced(function* (text: string, range?: { start: number; end: number }) {
  const cache = yield* AtomicCache
  const entry = yield* cache.get(keyOf(text))
  if (Option.isNone(entry)) return undefined
  return new Uint8Array(Buffer.concat(yield* Stream.runCollect(entry.value.bytes(range))))
}, Effect.scoped)

type Overrides = Parameters<typeof Settings.layerTest>[0]

/**
 * A cache over the files below `directory`; needs a `FileSystem` and a `Path`.
 */
export const cacheAt = (directory: string, overrides: Overrides = {}) =>
  // Fresh as a whole: `Settings.layer` would otherwise be remembered with what it read first.
  Layer.fresh(
    AtomicCache.layer.pipe(
      Layer.provide([Scratch.layer, layerCalls]),
      Layer.provide(Settings.layerTest({ cacheDir: directory, dataDir: `${directory}/data`, ...overrides })),
    ),
  )

/** A folder that goes with the scope. */
export const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeFileSystem.layer),
)

/** Chunks as one run of bytes. */
export const bytesOf = (chunks: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(chunks))

/** A gateway's life over `directory`, from start to orderly end. */
export const life = <A, E>(
  directory: string,
  program: Effect.Effect<A, E, AtomicCache | Scope.Scope>,
  overrides: Overrides = {},
) =>
  Effect.scoped(program).pipe(
    Effect.provide(cacheAt(directory, { cacheMemoryBytes: "0", ...overrides }).pipe(Layer.provide(node)), {
      local: true,
    }),
  )
