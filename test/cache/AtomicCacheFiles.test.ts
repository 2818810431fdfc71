import {
  appendFileSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  statSync,
  utimesSync,
  mkdirSync,
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { audio, bytesOf, cacheAt, keyOf, life, node, put, read, temporary } from "../support/cache.ts"
import { makeFaulty } from "../support/FaultyFileSystem.ts"
import { scanned, turn } from "../support/flights.ts"

const pathOf = (directory: string, text: string) => join(directory, "v1", keyOf(text).slice(0, 2), keyOf(text))
const exists = (path: string) => statSync(path, { throwIfNoEntry: false }) !== undefined

const test = <E>(title: string, body: (directory: string) => Effect.Effect<void, E, Scope.Scope>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.now())
      yield* body(yield* temporary)
    }),
  )

describe("a broken entry", () => {
  const whole = audio(1, 100_000)
  const breakages: Readonly<Record<string, (file: string) => void>> = {
    "cut short": (file) => truncateSync(file, 60_000),
    emptied: (file) => truncateSync(file, 0),
    "one bit of the audio turned": (file) => {
      const bytes = readFileSync(file)
      bytes[50_000]! ^= 1
      writeFileSync(file, bytes)
    },
    "one bit of the footer turned": (file) => {
      const bytes = readFileSync(file)
      bytes[bytes.length - 100]! ^= 1
      writeFileSync(file, bytes)
    },
    "something appended": (file) => appendFileSync(file, "x"),
    "another entry under its name": (file) => writeFileSync(file, readFileSync(pathOf(join(file, "../../.."), "b"))),
    "zeroes of the right length": (file) => writeFileSync(file, new Uint8Array(statSync(file).size)),
    "a folder in its place": (file) => {
      rmSync(file)
      mkdirSync(file)
    },
  }
  for (const [name, harm] of Object.entries(breakages)) {
    test(`(${name}) is never served by the next start, and can be made anew`, (directory) =>
      Effect.gen(function* () {
        yield* life(directory, Effect.andThen(put("a", whole), put("b", audio(2, 100_000))))
        harm(pathOf(directory, "a"))
        yield* life(
          directory,
          Effect.gen(function* () {
            expect(yield* read("a")).toBeUndefined()
            if (name.startsWith("a folder")) return
            expect(exists(pathOf(directory, "a"))).toBe(false)
            expect((yield* (yield* AtomicCache).stats).broken).toBe(1)
            yield* put("a", whole)
            expect(yield* read("a")).toEqual(whole)
          }),
        )
      }))
  }

  test("is found by the scrub without a request for it", (directory) =>
    Effect.gen(function* () {
      yield* life(directory, put("a", whole))
      breakages["one bit of the audio turned"]!(pathOf(directory, "a"))
      yield* life(
        directory,
        Effect.gen(function* () {
          yield* scanned
          for (let i = 0; i < 500 && exists(pathOf(directory, "a")); i++) {
            yield* TestClock.adjust("1 second")
            yield* turn
          }
          expect(exists(pathOf(directory, "a"))).toBe(false)
        }),
      )
    }))

  test("is found in its turn: the scrub looks at five entries a second", (directory) =>
    Effect.gen(function* () {
      const names = Array.from({ length: 20 }, (_, i) => `entry ${i}`)
      const left = () => names.filter((name) => exists(pathOf(directory, name))).length
      yield* life(
        directory,
        Effect.forEach(names, (name) => put(name, whole)),
      )
      for (const name of names) breakages["one bit of the audio turned"]!(pathOf(directory, name))
      yield* life(
        directory,
        Effect.gen(function* () {
          yield* scanned
          yield* TestClock.adjust("1 minute")
          for (let looks = 0; looks < 20_000 && left() > 0; looks++) {
            expect(20 - left()).toBeLessThanOrEqual(1 + looks / 10)
            yield* turn
            yield* TestClock.adjust("20 millis")
          }
          expect(left()).toBe(0)
        }),
      )
    }))

  test("that breaks under its reader fails the reader", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        yield* put("a", whole)
        const entry = Option.getOrThrow(yield* cache.get(keyOf("a")))
        truncateSync(pathOf(directory, "a"), 70_000)
        const error = yield* Effect.flip(Stream.runDrain(entry.bytes()))
        expect(error.reason._tag).toBe("EntryBroken")
      }),
    ))
})

describe("limits", () => {
  test("the longest unused goes first, and not what is being read", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        for (const text of ["a", "b", "c"]) yield* put(text, audio(1, 30_000))
        yield* read("a")
        const reader = yield* Scope.make()
        yield* Scope.provide(cache.get(keyOf("b")), reader)
        yield* read("c")
        yield* read("a")
        // Now b is the longest unused, but is being read; c comes next.
        yield* put("d", audio(1, 30_000))
        expect([yield* read("b"), yield* read("c")].map((bytes) => bytes !== undefined)).toEqual([true, false])
        expect((yield* cache.stats).bytes).toBeLessThanOrEqual(100_000)
        expect((yield* cache.stats).evicted).toBe(1)
      }),
      { cacheMaxBytes: "100000" },
    ))

  test("a reader keeps the entry that is evicted, replaced or purged under it", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        const whole = audio(1, 300_000)
        yield* put("a", whole)
        const entry = Option.getOrThrow(yield* cache.get(keyOf("a")))
        yield* put("a", audio(2, 300_000))
        expect(yield* cache.purge).toBe(1)
        expect(bytesOf(yield* Stream.runCollect(entry.bytes()))).toEqual(whole)
        expect(yield* read("a")).toBeUndefined()
      }),
    ))

  test("an entry larger than the whole cache is refused, and the others stay", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        yield* put("a", audio(1, 10_000))
        const error = yield* Effect.flip(put("b", audio(1, 60_000)))
        expect(error.reason._tag).toBe("EntryTooLarge")
        expect(yield* read("a")).toEqual(audio(1, 10_000))
      }),
      { cacheMaxBytes: "50000" },
    ))

  test("an entry past its age is not served and goes, however often it was used", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        yield* put("a", audio(1))
        yield* scanned
        yield* TestClock.adjust("50 minutes")
        expect(yield* read("a")).toEqual(audio(1))
        yield* TestClock.adjust("11 minutes")
        expect(yield* read("a")).toBeUndefined()
        expect(exists(pathOf(directory, "a"))).toBe(false)
      }),
      { cacheMaxAge: "1 hour", cacheMemoryBytes: "1 MiB" },
    ))

  test("the next start knows what is there and in which order it was used", (directory) =>
    Effect.gen(function* () {
      yield* life(
        directory,
        Effect.forEach(["a", "b", "c"], (text) => put(text, audio(1, 30_000))),
      )
      const hoursAgo = (hours: number) => Date.now() / 1_000 - hours * 3_600
      for (const [text, hours] of [
        ["a", 1],
        ["b", 9],
        ["c", 5],
      ] as const) {
        utimesSync(pathOf(directory, text), hoursAgo(hours), hoursAgo(hours))
      }
      yield* life(
        directory,
        Effect.gen(function* () {
          const { stats } = yield* scanned
          expect([stats.entries, stats.bytes > 90_000]).toEqual([3, true])
          yield* put("d", audio(1, 30_000))
          yield* put("e", audio(1, 30_000))
          const there = yield* Effect.forEach(["a", "b", "c", "d", "e"], (text) =>
            Effect.succeed(exists(pathOf(directory, text))),
          )
          expect(there).toEqual([true, false, false, true, true])
        }),
        { cacheMaxBytes: "100000" },
      )
    }))

  test("a use is written down on the file, at most once an hour", (directory) =>
    Effect.gen(function* () {
      const disk = yield* makeFaulty.pipe(Effect.provide(node))
      yield* Effect.gen(function* () {
        yield* put("a", audio(1))
        yield* scanned
        const touches = () => disk.calls.filter((call) => call === "utimes").length
        disk.plan(() => undefined)
        for (let i = 0; i < 20; i++) yield* read("a")
        expect(touches()).toBe(0)
        yield* TestClock.adjust("61 minutes")
        disk.plan(() => undefined)
        for (let i = 0; i < 20; i++) yield* read("a")
        for (let i = 0; i < 20; i++) yield* turn
        expect(touches()).toBe(1)
      }).pipe(
        Effect.provide(
          cacheAt(directory).pipe(Layer.provide(Layer.succeed(FileSystem.FileSystem, disk.fs)), Layer.provide(node)),
          { local: true },
        ),
      )
    }))
})

describe("small hot entries in memory", () => {
  test("are served without the disk, within their bytes", (directory) =>
    Effect.gen(function* () {
      const disk = yield* makeFaulty.pipe(Effect.provide(node))
      yield* Effect.gen(function* () {
        const cache = yield* AtomicCache
        for (const text of ["a", "b", "c"]) yield* put(text, audio(1, 4_000))
        yield* put("big", audio(1, 300_000))
        for (const text of ["a", "b", "c", "big"]) yield* read(text)
        expect(yield* cache.stats).toMatchObject({ memoryEntries: 2, memoryBytes: 8_000 })
        disk.plan(() => undefined)
        expect(yield* read("c", { start: 10, end: 20 })).toEqual(audio(1, 4_000).slice(10, 20))
        expect(disk.calls).toEqual([])
      }).pipe(
        Effect.provide(
          cacheAt(directory, { cacheMemoryBytes: "10000" }).pipe(
            Layer.provide(Layer.succeed(FileSystem.FileSystem, disk.fs)),
            Layer.provide(node),
          ),
          { local: true },
        ),
      )
    }))

  test("are forgotten when another gateway has removed or replaced the file", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        yield* put("a", audio(1))
        yield* read("a")
        yield* life(directory, put("a", audio(2)))
        yield* TestClock.adjust("11 seconds")
        expect(yield* read("a")).toEqual(audio(2))
        rmSync(pathOf(directory, "a"))
        yield* TestClock.adjust("11 seconds")
        expect(yield* read("a")).toBeUndefined()
      }),
      { cacheMemoryBytes: "1 MiB" },
    ))
})

describe("a directory", () => {
  test("is shared by gateways: each serves what the other made, and a writer never disturbs another", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const one = yield* AtomicCache
        yield* life(
          directory,
          Effect.gen(function* () {
            const other = yield* AtomicCache
            const [mine, theirs] = [yield* one.write(keyOf("a")), yield* other.write(keyOf("a"))]
            yield* mine.append(audio(1, 5_000))
            yield* theirs.append(audio(2, 7_000))
            const description = { contentType: "audio/mpeg", durationMs: 1, characters: 1, voice: "v" }
            yield* mine.commit(description)
            expect(yield* read("a")).toEqual(audio(1, 5_000))
            yield* theirs.commit(description)
            expect(yield* read("a")).toEqual(audio(2, 7_000))
          }),
        )
        expect(yield* read("a")).toEqual(audio(2, 7_000))
      }),
    ))

  test("that vanishes is made again by the next write", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        yield* put("a", audio(1))
        rmSync(directory, { recursive: true })
        expect(yield* read("a")).toBeUndefined()
        yield* put("a", audio(2))
        expect(yield* read("a")).toEqual(audio(2))
        rmSync(join(directory, "v1"), { recursive: true })
        yield* put("a", audio(3))
        expect(yield* read("a")).toEqual(audio(3))
      }),
    ))

  test("is listed and purged, and files that are none of the cache's stay", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const cache = yield* AtomicCache
        yield* put("a", audio(1))
        yield* put("b", audio(2))
        const foreign = join(directory, "v1", keyOf("a").slice(0, 2), "README")
        writeFileSync(foreign, "mine")
        const keys = (yield* Stream.runCollect(cache.list)).map((metadata) => metadata.key)
        expect(keys.toSorted()).toEqual([keyOf("a"), keyOf("b")].toSorted())
        expect([yield* cache.remove(keyOf("a")), yield* cache.remove(keyOf("a"))]).toEqual([true, false])
        expect(yield* cache.purge).toBe(1)
        expect(yield* Stream.runCollect(cache.list)).toEqual([])
        expect(exists(foreign)).toBe(true)
        expect((yield* cache.stats).bytes).toBe(0)
      }),
    ))

  test("that cannot be written still starts and still serves what is there", (directory) =>
    Effect.gen(function* () {
      yield* life(directory, put("a", audio(1)))
      const disk = yield* makeFaulty.pipe(Effect.provide(node))
      const writes = new Set(["makeDirectory", "writeFile", "write", "rename", "remove", "utimes"])
      disk.plan((_, call) => (writes.has(call) ? "EROFS" : undefined))
      yield* Effect.gen(function* () {
        expect(yield* read("a")).toEqual(audio(1))
        expect((yield* Effect.flip(put("b", audio(1)))).kind).toBe("EROFS")
      }).pipe(
        Effect.provide(
          cacheAt(directory).pipe(Layer.provide(Layer.succeed(FileSystem.FileSystem, disk.fs)), Layer.provide(node)),
          { local: true },
        ),
      )
    }))
})
