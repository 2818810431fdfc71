import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { TestClock } from "effect/testing"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { audio, cacheAt, description, keyOf, put, read } from "../support/cache.ts"
import { makeFaulty } from "../support/FaultyFileSystem.ts"
import { eventually } from "../support/flights.ts"
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

/** Half a minute after its commit. */
const putForGood = Effect.andThen(put("a", audio(1, 100_000)), TestClock.adjust("30 seconds"))

it.effect("an entry is still there after a loss of power half a minute after its commit", () =>
  Effect.gen(function* () {
    const memory = makeMemoryFileSystem()
    yield* Effect.provide(putForGood, over(memory.fs), { local: true })
    expect(yield* after(memory, () => false)).toEqual(audio(1, 100_000))
  }),
)

it.effect("a loss of power right after its commit takes an entry as a whole, or nothing of it", () =>
  Effect.gen(function* () {
    for (const lucky of [true, false]) {
      const memory = makeMemoryFileSystem()
      yield* Effect.provide(put("a", audio(1, 100_000)), over(memory.fs), { local: true })
      expect(yield* after(memory, () => lucky)).toEqual(lucky ? audio(1, 100_000) : undefined)
    }
  }),
)

it.effect("names that could not be made to last are made to last the next time, and none twice", () =>
  Effect.gen(function* () {
    const memory = makeMemoryFileSystem()
    const faulty = yield* makeFaulty.pipe(Effect.provideService(FileSystem.FileSystem, memory.fs))
    const syncs = () => faulty.calls.filter((call) => call === "sync").length
    yield* Effect.gen(function* () {
      yield* put("a", audio(1, 100_000))
      faulty.plan((_, call) => (call === "sync" ? "EIO" : undefined))
      yield* TestClock.adjust("30 seconds")
      yield* eventually(() => syncs() === 1)
      faulty.plan(() => undefined)
      yield* TestClock.adjust("30 seconds")
      // The root, the folder of folders and the entry's own.
      yield* eventually(() => syncs() === 3)
      expect(syncs()).toBe(3)
      yield* TestClock.adjust("5 minutes")
      expect(syncs()).toBe(3)
    }).pipe(Effect.provide(over(faulty.fs), { local: true }))
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
    expect(calls.slice(rename)).not.toContain("sync")
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
