import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { audio, cacheAt, description, keyOf, put, read } from "../support/cache.ts"
import { makeFaulty } from "../support/FaultyFileSystem.ts"
import { makeMemoryFileSystem, type MemoryFileSystem } from "../support/MemoryFileSystem.ts"

const over = (fs: FileSystem.FileSystem) =>
  cacheAt("/cache", { cacheMemoryBytes: "0" }).pipe(
    Layer.provide(Layer.succeed(FileSystem.FileSystem, fs)),
    Layer.provide(Path.layer),
  )

const after = (memory: MemoryFileSystem, lucky: () => boolean) =>
  Effect.suspend(() => {
    memory.losePower(lucky)
    return Effect.provide(read("a"), over(memory.fs), { local: true })
  })

it.effect("an entry is still there after a loss of power, once its commit has returned", () =>
  Effect.gen(function* () {
    const memory = makeMemoryFileSystem()
    yield* Effect.provide(put("a", audio(1, 100_000)), over(memory.fs), { local: true })
    expect(yield* after(memory, () => false)).toEqual(audio(1, 100_000))
  }),
)

it.effect("audio is synced before it gets its name, so that a name never lasts longer than the bytes", () =>
  Effect.gen(function* () {
    const memory = makeMemoryFileSystem()
    const faulty = yield* makeFaulty.pipe(Effect.provideService(FileSystem.FileSystem, memory.fs))
    yield* Effect.provide(put("a", audio(1)), over(faulty.fs), { local: true })
    const { calls } = faulty
    const rename = calls.indexOf("rename")
    expect(calls.slice(0, rename)).toContain("sync")
    expect(calls.slice(calls.lastIndexOf("write"), rename)).toContain("sync")
    expect(calls.slice(rename)).toContain("sync")
  }),
)

it.effect("a write of which a part failed cannot be committed", () =>
  Effect.gen(function* () {
    const memory = makeMemoryFileSystem()
    const faulty = yield* makeFaulty.pipe(Effect.provideService(FileSystem.FileSystem, memory.fs))
    yield* Effect.gen(function* () {
      const cache = yield* AtomicCache
      const writer = yield* cache.write(keyOf("a"))
      yield* writer.append(audio(1))
      faulty.plan((_, call) => (call === "write" ? "ENOSPC" : undefined))
      expect((yield* Effect.flip(writer.append(audio(2)))).kind).toBe("ENOSPC")
      faulty.plan(() => undefined)
      expect((yield* Effect.flip(writer.commit(description))).kind).toBe("EntryBroken")
      expect(yield* read("a")).toBeUndefined()
    }).pipe(Effect.scoped, Effect.provide(over(faulty.fs), { local: true }))
  }),
)
