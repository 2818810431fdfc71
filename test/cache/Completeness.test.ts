import { renameSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { TestClock } from "effect/testing"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { makeCompleteness } from "../../src/cache/Completeness.ts"
import { audio, cacheAt, life, node, put, read, temporary } from "../support/cache.ts"
import { makeFaulty } from "../support/FaultyFileSystem.ts"
import { scanned, turn } from "../support/flights.ts"

const make = Effect.gen(function* () {
  const asked = { times: 0, mark: "alone" as string | undefined }
  const unshared = Effect.sync(() => {
    asked.times += 1
    return asked.mark
  })
  return { asked, completeness: yield* makeCompleteness(unshared) }
})

/** What is told once the answer that is asked for now is there. */
const told = (is: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    yield* TestClock.adjust("300 millis")
    yield* is
    yield* is
    yield* TestClock.adjust("1 millis")
    return yield* is
  })

it.effect("nothing is complete before it was read, and all is after that, asked four times a second at most", () =>
  Effect.gen(function* () {
    const { asked, completeness } = yield* make
    expect(yield* told(completeness.is)).toBe(false)
    expect(asked.times).toBe(0)
    yield* completeness.reading(Effect.void)
    // Who asks first does not wait.
    expect(yield* completeness.is).toBe(false)
    expect(yield* completeness.is).toBe(false)
    yield* TestClock.adjust("1 millis")
    const before = asked.times
    for (let i = 0; i < 100; i++) expect(yield* completeness.is).toBe(true)
    expect(asked.times).toBe(before)
    expect(yield* told(completeness.is)).toBe(true)
    expect(asked.times).toBe(before + 1)
  }),
)

it.effect("where it is wanted less often than an answer counts, nobody is asked", () =>
  Effect.gen(function* () {
    const { asked, completeness } = yield* make
    yield* completeness.reading(Effect.void)
    const before = asked.times
    for (let i = 0; i < 10; i++) {
      expect(yield* completeness.is).toBe(false)
      yield* TestClock.adjust("300 millis")
    }
    expect(asked.times).toBe(before)
  }),
)

it.effect("nothing is complete while another is there, or after it left, until it is read again", () =>
  Effect.gen(function* () {
    const { asked, completeness } = yield* make
    yield* completeness.reading(Effect.void)
    asked.mark = undefined
    expect(yield* told(completeness.is)).toBe(false)
    asked.mark = "alone again"
    expect(yield* told(completeness.is)).toBe(false)
    yield* completeness.reading(Effect.void)
    expect(yield* told(completeness.is)).toBe(true)
  }),
)

it.effect("who comes while it is read, or what cannot be read, leaves it incomplete", () =>
  Effect.gen(function* () {
    const { asked, completeness } = yield* make
    yield* completeness.reading(Effect.sync(() => void (asked.mark = "another came and left")))
    expect(yield* told(completeness.is)).toBe(false)
    asked.mark = "alone"
    yield* Effect.flip(completeness.reading(Effect.fail("unreadable")))
    asked.mark = undefined
    yield* completeness.reading(Effect.void)
    expect(yield* told(completeness.is)).toBe(false)
  }),
)

it.effect("what is doubted is not complete until it is read again, also where that is doubted while it is read", () =>
  Effect.gen(function* () {
    const { completeness } = yield* make
    yield* completeness.reading(Effect.void)
    expect(yield* told(completeness.is)).toBe(true)
    completeness.doubt()
    expect(yield* told(completeness.is)).toBe(false)
    yield* completeness.reading(Effect.sync(completeness.doubt))
    expect(yield* told(completeness.is)).toBe(false)
    yield* completeness.reading(Effect.void)
    expect(yield* told(completeness.is)).toBe(true)
  }),
)

it.effect("an entry whose file was taken away and put back is found again, however much is asked for", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const aside = `${yield* temporary}/v1`
    yield* life(
      directory,
      Effect.gen(function* () {
        yield* scanned
        yield* put("a", audio(1))
        const others = Effect.repeat(Effect.andThen(read("unknown"), turn), { times: 20 })
        yield* others
        renameSync(`${directory}/v1`, aside)
        expect(yield* read("a")).toBeUndefined()
        yield* others
        renameSync(aside, `${directory}/v1`)
        yield* others
        expect(yield* read("a")).toEqual(audio(1))
      }),
    )
  }),
)

it.effect("a directory is not searched for what is not known, until another gateway comes that may write there", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const disk = yield* makeFaulty.pipe(Effect.provide(node))
    yield* Effect.gen(function* () {
      const { cache } = yield* scanned
      const look = Effect.fnUntraced(function* (text: string) {
        disk.plan(() => undefined)
        const found = yield* Effect.provideService(read(text), AtomicCache, cache)
        return [found !== undefined ? "found" : "not there", disk.calls.includes("access") ? "searched" : "known"]
      })
      /** Often enough for an answer to count, and until it is there. */
      const lookAgain = Effect.fnUntraced(function* (text: string) {
        for (let i = 0; i < 2; i++) expect(yield* look(text)).toEqual(["not there", "searched"])
        for (let i = 0; i < 20; i++) yield* turn
        return yield* look(text)
      })
      expect(yield* lookAgain("a")).toEqual(["not there", "known"])
      yield* life(
        directory,
        Effect.gen(function* () {
          yield* scanned
          yield* put("a", audio(1))
          yield* TestClock.adjust("300 millis")
          expect(yield* look("a")).toEqual(["found", "searched"])
          yield* put("b", audio(1))
        }),
      )
      for (let i = 0; i < 20; i++) yield* turn
      yield* TestClock.adjust("300 millis")
      expect(yield* look("b")).toEqual(["found", "searched"])
      expect(yield* lookAgain("c")).toEqual(["not there", "searched"])
      yield* TestClock.adjust("10 minutes")
      for (let i = 0; i < 20; i++) yield* turn
      expect(yield* lookAgain("c")).toEqual(["not there", "known"])
    }).pipe(
      Effect.provide(
        cacheAt(directory).pipe(Layer.provide(Layer.succeed(FileSystem.FileSystem, disk.fs)), Layer.provide(node)),
        { local: true },
      ),
    )
  }),
)
