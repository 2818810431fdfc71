import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Queue, Scope, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import type { CacheError } from "../../src/cache/CacheError.ts"
import { type FlightPlan, Flights } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { audio, bytesOf, description, keyOf, read } from "../support/cache.ts"
import { makeDice } from "../support/dice.ts"
import type { Fault } from "../support/FaultyFileSystem.ts"
import { collect, eventually, joinAs, live, makeEngine, turn } from "../support/flights.ts"

describe("disk trouble", () => {
  const faults: ReadonlyArray<Fault> = ["ENOSPC", "EROFS", "EACCES"]
  for (const fault of faults) {
    live(`${fault} costs the entry and nothing else, and is over when it is over`, ({ disk }) =>
      Effect.gen(function* () {
        disk.plan((_, call) => (call === "write" || call === "makeDirectory" ? fault : undefined))
        const engine = yield* makeEngine
        yield* Queue.offer(engine.chunks, audio(1))
        const listening = yield* joinAs(engine.plan("a"))
        yield* Queue.end(engine.chunks)
        expect(yield* collect(listening)).toEqual(audio(1))
        expect(yield* read("a")).toBeUndefined()
        disk.plan(() => undefined)
        const again = yield* makeEngine
        yield* Queue.offer(again.chunks, audio(1))
        const next = yield* joinAs(again.plan("a"))
        yield* Queue.end(again.chunks)
        yield* collect(next)
        expect(yield* read("a")).toEqual(audio(1))
      }),
    )
  }

  live("midway: what is on disk is read from there, the rest from memory, also by who joins then", ({ disk }) =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      const first = Array.from({ length: 8 }, (_, i) => audio(i, 100_000))
      yield* Queue.offerAll(engine.chunks, first)
      const early = yield* joinAs(engine.plan("a"))
      yield* eventually(() => disk.calls.filter((call) => call === "write").length >= 6)
      disk.plan((_, call) => (call === "write" ? "torn" : undefined))
      yield* Queue.offerAll(engine.chunks, [audio(8, 100_000), audio(9, 100_000)])
      yield* eventually(() => disk.calls.includes("write"))
      const late = yield* joinAs(engine.plan("a"))
      yield* Queue.end(engine.chunks)
      const whole = bytesOf([...first, audio(8, 100_000), audio(9, 100_000)])
      expect(Buffer.compare(yield* collect(early), whole)).toBe(0)
      expect(Buffer.compare(yield* collect(late), whole)).toBe(0)
      expect(disk.calls).toContain("read")
      expect(yield* read("a")).toBeUndefined()
    }),
  )

  live(
    "ends the flight once memory is full as well",
    ({ disk }) =>
      Effect.gen(function* () {
        disk.plan((_, call) => (call === "write" ? "ENOSPC" : undefined))
        const engine = yield* makeEngine
        yield* Queue.offer(engine.chunks, audio(1, 1_000))
        const listening = yield* joinAs(engine.plan("a"))
        yield* eventually(() => disk.calls.includes("write"))
        yield* Effect.repeat(turn, { times: 5 })
        yield* Queue.offerAll(
          engine.chunks,
          Array.from({ length: 40 }, (_, i) => audio(i, 1_000)),
        )
        const error = yield* Effect.flip(collect(listening))
        expect((error as CacheError).reason).toMatchObject({ _tag: "FlightOverflow", limit: 20_000 })
        yield* Deferred.await(engine.stopped)
      }),
    { flightMemoryBytes: "20000" },
  )

  live(
    "a cache that is turned off still shares what is under way, and keeps nothing",
    () =>
      Effect.gen(function* () {
        const engine = yield* makeEngine
        yield* Queue.offer(engine.chunks, audio(1))
        const listening = yield* joinAs(engine.plan("a"))
        expect((yield* joinAs(engine.plan("a"))).role).toBe("COALESCED")
        yield* Queue.end(engine.chunks)
        expect(yield* collect(listening)).toEqual(audio(1))
        expect(yield* read("a")).toBeUndefined()
        expect((yield* (yield* AtomicCache).stats).entries).toBe(0)
      }),
    { cacheMaxBytes: "0" },
  )
})

describe("a crowd", () => {
  live("of 200, half slow, a third leaving, the leader first, costs one engine call and gets identical bytes", () =>
    Effect.gen(function* () {
      const dice = makeDice(7)
      const engine = yield* makeEngine
      const whole = audio(1, 1_500_000)
      const leader = yield* Scope.make()
      const leading = yield* Effect.forkChild(Scope.provide(joinAs(engine.plan("a")), leader))
      yield* eventually(() => engine.calls.started === 1)
      const listen = Effect.fnUntraced(function* (index: number) {
        const slow = index % 2 === 0
        const leavesAt = index % 3 === 0 ? dice.below(whole.length) : Number.POSITIVE_INFINITY
        const listening = yield* joinAs(engine.plan("a"))
        let heard = 0
        const chunks = yield* listening.bytes.pipe(
          Stream.tap((chunk) => {
            heard += chunk.length
            return slow ? turn : Effect.void
          }),
          Stream.takeWhile(() => heard < leavesAt),
          Stream.runCollect,
        )
        return { left: leavesAt !== Number.POSITIVE_INFINITY, bytes: bytesOf(chunks), role: listening.role }
      }, Effect.scoped)
      const crowd = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 199 }, (_, i) => i),
          listen,
          { concurrency: "unbounded" },
        ),
      )
      yield* Queue.offer(engine.chunks, whole.slice(0, 10_000))
      yield* Fiber.join(leading)
      yield* Scope.close(leader, Exit.void)
      for (let at = 10_000; at < whole.length; at += 10_000) {
        yield* Queue.offer(engine.chunks, whole.slice(at, at + 10_000))
        if (at % 50_000 === 0) yield* turn
      }
      yield* Queue.end(engine.chunks)
      const heard = yield* Fiber.join(crowd)
      expect(heard.filter((one) => one.role !== "COALESCED")).toEqual([])
      for (const one of heard) if (!one.left) expect(Buffer.compare(one.bytes, whole)).toBe(0)
      expect(heard.filter((one) => !one.left).length).toBe(132)
      expect(engine.calls).toEqual({ started: 1, stopped: 0 })
      expect(Buffer.compare((yield* read("a"))!, whole)).toBe(0)
    }),
  )

  live("that asks at the very moment a flight ends still costs one engine call", () =>
    Effect.gen(function* () {
      let calls = 0
      const plan: FlightPlan<string> = {
        key: keyOf("a"),
        mode: "use",
        produce: Stream.suspend(() => {
          calls += 1
          return Stream.make(audio(1))
        }),
        describe: () => Effect.succeed(description),
      }
      const flights = yield* Flights
      const ask = (after: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            for (let i = 0; i < after; i++) yield* Effect.yieldNow
            const joined = yield* flights.join(plan)
            const bytes = joined._tag === "Found" ? joined.entry.bytes() : joined.bytes
            expect(bytesOf(yield* Stream.runCollect(bytes))).toEqual(audio(1))
          }),
        )
      yield* Effect.forEach(
        Array.from({ length: 300 }, (_, i) => i),
        ask,
        { concurrency: "unbounded", discard: true },
      )
      expect(calls).toBe(1)
    }),
  )

  it.effect("or whose last one looked for the entry just before it came, still costs one engine call", () => {
    const latch = Latch.makeUnsafe()
    let slow = false
    const late = Layer.effect(
      AtomicCache,
      Effect.map(AtomicCache, (cache) => ({
        ...cache,
        knows: () => true,
        get: (key) =>
          Effect.flatMap(cache.get(key), (found) => (slow ? Effect.as(latch.await, found) : Effect.succeed(found))),
      })),
    ).pipe(Layer.provide(AtomicCache.layerMemory))
    return Effect.gen(function* () {
      const flights = yield* Flights
      const engine = yield* makeEngine
      slow = true
      const second = yield* Effect.forkChild(flights.join(engine.plan("a")))
      yield* Effect.yieldNow
      slow = false
      yield* Queue.offer(engine.chunks, audio(1))
      yield* Queue.end(engine.chunks)
      const first = yield* joinAs(engine.plan("a"))
      yield* collect(first)
      yield* latch.open
      expect((yield* Fiber.join(second))._tag).toBe("Found")
      expect(engine.calls.started).toBe(1)
    }).pipe(Effect.provide(Flights.layer.pipe(Layer.provide(late), Layer.provide(Settings.layerTest()))))
  })
})
