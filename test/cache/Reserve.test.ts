import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { FreeBytes } from "../../src/cache/Reserve.ts"
import { audio, cacheAt, life, node, put, read, temporary } from "../support/cache.ts"
import { makeFaulty } from "../support/FaultyFileSystem.ts"
import { turn } from "../support/flights.ts"

const test = <E>(title: string, body: (directory: string) => Effect.Effect<void, E, Scope.Scope>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.now())
      yield* body(yield* temporary)
    }),
  )

describe("the disk's reserve", () => {
  /** A disk of 100 kB on which `others` take so much; the cache's share is what its directory holds. */
  const disk = (directory: string) => {
    const taken = { others: 0 }
    const size = (folder: string): number =>
      readdirSync(folder, { withFileTypes: true }).reduce(
        (sum, one) => sum + (one.isDirectory() ? size(join(folder, one.name)) : statSync(join(folder, one.name)).size),
        0,
      )
    const free = () => Effect.sync(() => 100_000 - taken.others - size(directory))
    return { taken, on: Effect.provideService(FreeBytes, free) }
  }
  const entries = Effect.flatMap(AtomicCache, (cache) => Effect.map(cache.stats, (stats) => stats.entries))
  const settings = { cacheReserveBytes: "40000" }
  /** The disk is looked at, and what is removed then is waited for; after that no more may go. */
  const watched = (left: number) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("5 seconds")
      while ((yield* entries) > left) yield* turn
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("5 seconds"), turn), { times: 5 })
    })

  test("is left free: older entries give way to newer ones", (directory) => {
    const { on } = disk(directory)
    const program = Effect.gen(function* () {
      for (const text of ["a", "b", "c", "d", "e"]) yield* put(text, audio(1, 20_000))
      yield* watched(2)
      expect(yield* entries).toBe(2)
      expect(yield* read("a")).toBeUndefined()
      expect(yield* read("e")).toEqual(audio(1, 20_000))
    })
    return on(life(directory, program, settings))
  })

  test("is freed within seconds when others use it up, and nothing is kept while it is not there", (directory) => {
    const { on, taken } = disk(directory)
    const program = Effect.gen(function* () {
      yield* put("a", audio(1, 20_000))
      taken.others = 70_000
      yield* watched(0)
      expect(yield* entries).toBe(0)
      expect((yield* Effect.flip(put("b", audio(1)))).reason._tag).toBe("DiskReserved")
      taken.others = 0
      yield* put("b", audio(1))
      expect(yield* read("b")).toEqual(audio(1))
    })
    return on(life(directory, program, settings))
  })

  test("is looked at once a second at most while there is ample room, and every time where there is not", (directory) => {
    const disk = { looks: 0, free: 1e12 }
    const free = () => Effect.sync(() => (disk.looks++, disk.free))
    const program = Effect.gen(function* () {
      yield* put("a", audio(1))
      const { looks } = disk
      for (const text of ["b", "c", "d"]) yield* put(text, audio(1))
      expect(disk.looks).toBe(looks)
      disk.free = 200_000
      yield* TestClock.adjust("1 second")
      for (const text of ["e", "f", "g"]) yield* put(text, audio(1))
      expect(disk.looks).toBe(looks + 3)
    })
    return Effect.provideService(life(directory, program, settings), FreeBytes, free)
  })

  test("a write that finds the disk full makes room for the next, though no reserve is asked for", (directory) => {
    const { on } = disk(directory)
    const program = Effect.gen(function* () {
      const faulty = yield* makeFaulty
      const cache = cacheAt(directory, { cacheMemoryBytes: "0", cacheReserveBytes: "0" }).pipe(
        Layer.provide(Layer.succeed(FileSystem.FileSystem, faulty.fs)),
        Layer.provide(node),
      )
      const filling = Effect.gen(function* () {
        yield* put("a", audio(1, 20_000))
        faulty.plan((_, call) => (call === "sync" ? "ENOSPC" : undefined))
        expect((yield* Effect.flip(put("b", audio(1)))).kind).toBe("ENOSPC")
        faulty.plan(() => undefined)
        for (let n = 0; n < 500 && (yield* entries) > 0; n++) yield* turn
        expect(yield* read("a")).toBeUndefined()
      })
      yield* Effect.provide(Effect.scoped(filling), cache, { local: true })
    })
    return on(Effect.provide(program, node))
  })
})
