import { readdirSync, readFileSync, rmSync, writeFileSync, statSync, utimesSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import { TestClock } from "effect/testing"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { audio, keyOf, life, put, read, temporary } from "../support/cache.ts"

const turn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
const exists = (path: string) => statSync(path, { throwIfNoEntry: false }) !== undefined

const test = <E>(title: string, body: (directory: string) => Effect.Effect<void, E, Scope.Scope>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.now())
      yield* body(yield* temporary)
    }),
  )

describe("temporary files", () => {
  const owner = (directory: string) => {
    const folder = readdirSync(join(directory, "tmp"))[0]!
    return join(directory, "tmp", folder, "owner.json")
  }
  /** Leaves a folder as a gateway leaves it that was killed in the middle of a write. */
  const stray = (directory: string, change: object) =>
    life(
      directory,
      Effect.gen(function* () {
        const writer = yield* (yield* AtomicCache).write(keyOf("a"))
        yield* writer.append(audio(1))
        const self = JSON.parse(readFileSync(owner(directory), "utf8")) as object
        const folder = join(directory, "tmp", "0123456789abcdef")
        mkdirSync(folder)
        writeFileSync(join(folder, "1"), "half")
        writeFileSync(join(folder, "owner.json"), JSON.stringify({ ...self, ...change }))
        return folder
      }),
    )

  test("of a process that is no more go at the next start", (directory) =>
    Effect.gen(function* () {
      for (const change of [{ pid: 4_194_303 }, { started: "1" }]) {
        const folder = yield* stray(directory, change)
        yield* life(
          directory,
          Effect.sync(() => expect(exists(folder)).toBe(false)),
        )
      }
    }))

  test("of a process that lives stay, whatever their age says for a while", (directory) =>
    Effect.gen(function* () {
      const folder = yield* stray(directory, {})
      yield* life(
        directory,
        Effect.sync(() => expect(exists(folder)).toBe(true)),
      )
    }))

  test("of another machine go once their heartbeat has stood still, and stay while it beats", (directory) =>
    Effect.gen(function* () {
      const folder = yield* stray(directory, { boot: "another" })
      yield* life(
        directory,
        Effect.gen(function* () {
          const step = Effect.andThen(TestClock.adjust("31 seconds"), Effect.repeat(turn, { times: 10 }))
          for (let i = 0; i < 12; i++) {
            utimesSync(join(folder, "owner.json"), Date.now() / 1_000 + i, Date.now() / 1_000 + i)
            yield* step
          }
          expect(exists(folder)).toBe(true)
          for (let i = 0; i < 12; i++) yield* step
          expect(exists(folder)).toBe(false)
        }),
      )
    }))

  test("without an owner go once they are old", (directory) =>
    Effect.gen(function* () {
      const folder = join(directory, "tmp", "0123456789abcdef")
      mkdirSync(folder, { recursive: true })
      yield* life(
        directory,
        Effect.sync(() => expect(exists(folder)).toBe(true)),
      )
      utimesSync(folder, Date.now() / 1_000 - 700, Date.now() / 1_000 - 700)
      yield* life(
        directory,
        Effect.sync(() => expect(exists(folder)).toBe(false)),
      )
    }))

  test("taken for strays cost their writer the entry, and no more", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const writer = yield* (yield* AtomicCache).write(keyOf("a"))
        yield* writer.append(audio(1))
        rmSync(join(directory, "tmp"), { recursive: true })
        expect(yield* writer.read(0, 1_000)).toEqual(Buffer.from(audio(1)))
        const commit = writer.commit({ contentType: "audio/mpeg", durationMs: 1, characters: 1, voice: "v" })
        expect((yield* Effect.flip(commit)).kind).toBe("ENOENT")
        expect(yield* read("a")).toBeUndefined()
        yield* put("a", audio(2))
        expect(yield* read("a")).toEqual(audio(2))
      }),
    ))

  test("are gone after an orderly end", (directory) =>
    Effect.gen(function* () {
      yield* life(
        directory,
        Effect.flatMap(AtomicCache, (cache) => cache.write(keyOf("a"))),
      )
      expect(readdirSync(join(directory, "tmp"))).toEqual([])
    }))
})
