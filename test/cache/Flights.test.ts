import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FileSystem, Layer, Option, Queue, Scope, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import type { CacheError } from "../../src/cache/CacheError.ts"
import { type FlightPlan } from "../../src/cache/Flight.ts"
import { Flights, type Listening } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { audio, bytesOf, cacheAt, description, keyOf, node, put, read, temporary } from "../support/cache.ts"
import { makeDice } from "../support/dice.ts"
import { type Fault, type Faulty, makeFaulty } from "../support/FaultyFileSystem.ts"

/** An engine that plays what it is handed, and says how often it was called and called off. */
const makeEngine = Effect.gen(function* () {
  const chunks = yield* Queue.unbounded<Uint8Array, string | Cause.Done>()
  const calls = { started: 0, stopped: 0 }
  const stopped = yield* Deferred.make<void>()
  const plan = (text: string, mode: FlightPlan<string>["mode"] = "use"): FlightPlan<string> => ({
    key: keyOf(text),
    mode,
    produce: Stream.suspend(() => {
      calls.started += 1
      return Stream.fromQueue(chunks)
    }).pipe(
      Stream.onExit((exit) => {
        if (Exit.hasInterrupts(exit)) calls.stopped += 1
        return Deferred.succeed(stopped, undefined)
      }),
    ),
    describe: ({ length }) => (length > 0 ? Effect.succeed(description) : Effect.fail("empty")),
  })
  return { chunks, calls, stopped, plan }
})

const collect = (listening: Listening<string>) => Effect.map(Stream.runCollect(listening.bytes), bytesOf)

const joinAs = Effect.fnUntraced(function* (plan: FlightPlan<string>) {
  const flights = yield* Flights
  const joined = yield* flights.join(plan)
  if (joined._tag === "Found") return yield* Effect.die("found instead of flown")
  return joined
})

const turn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
const eventually = (ready: () => boolean) => Effect.repeat(turn, { until: ready, times: 5_000 })

interface World {
  readonly directory: string
  readonly disk: Faulty
}

const live = (
  title: string,
  test: (world: World) => Effect.Effect<void, unknown, AtomicCache | Flights | FileSystem.FileSystem | Scope.Scope>,
  settings: Parameters<typeof Settings.layerTest>[0] = {},
) =>
  it.live(title, () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const disk = yield* makeFaulty
      const layer = Layer.fresh(
        Flights.layer.pipe(
          Layer.provideMerge(cacheAt(directory, { cacheMemoryBytes: "0", ...settings })),
          Layer.provide(Settings.layerTest(settings)),
          Layer.provide(Layer.succeed(FileSystem.FileSystem, disk.fs)),
        ),
      )
      return yield* Effect.provide(test({ directory, disk }), layer)
    }).pipe(Effect.provide(node)),
  )

const temps = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory(`${directory}/tmp`, { recursive: true }), () => [])
  return names.filter((name) => /\/\d+$/.test(name))
})

describe("a flight", () => {
  live("feeds whoever asks from one engine call, and the next one finds the entry", () =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      const leading = yield* Effect.forkChild(joinAs(engine.plan("a")))
      yield* Queue.offer(engine.chunks, audio(1))
      const leader = yield* Fiber.join(leading)
      const follower = yield* joinAs(engine.plan("a"))
      expect([leader.role, follower.role]).toEqual(["MISS", "COALESCED"])
      const both = yield* Effect.forkChild(Effect.all([collect(leader), collect(follower)], { concurrency: 2 }))
      yield* Queue.offer(engine.chunks, audio(2))
      yield* Queue.end(engine.chunks)
      const whole = bytesOf([audio(1), audio(2)])
      expect(yield* Fiber.join(both)).toEqual([whole, whole])
      expect(yield* read("a")).toEqual(whole)
      const flights = yield* Flights
      expect((yield* flights.join(engine.plan("a")))._tag).toBe("Found")
      expect(engine.calls.started).toBe(1)
    }),
  )

  live("hands out its first bytes before the engine has any more, and before the disk has them", ({ disk }) =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      disk.plan((_, call) => (call === "write" || call === "open" ? "delay" : undefined))
      yield* Queue.offer(engine.chunks, audio(1))
      // The lookup asks the disk, too; what comes after it must not.
      const joining = yield* Effect.forkChild(joinAs(engine.plan("a", "refresh")))
      const listening = yield* Fiber.join(joining)
      expect(yield* Stream.runHead(listening.bytes)).toEqual(Option.some(audio(1)))
      yield* Queue.end(engine.chunks)
      yield* eventually(() => disk.calls.includes("open"))
      yield* disk.release
      disk.plan(() => undefined)
    }),
  )

  live("is called off when the last listener leaves, and leaves nothing behind", ({ directory }) =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* joinAs(engine.plan("a"))
          yield* Effect.scoped(joinAs(engine.plan("a")))
          expect(engine.calls.stopped).toBe(0)
        }),
      )
      yield* Deferred.await(engine.stopped)
      expect(engine.calls).toEqual({ started: 1, stopped: 1 })
      expect(yield* read("a")).toBeUndefined()
      for (let i = 0; i < 100 && (yield* temps(directory)).length > 0; i++) yield* turn
      expect(yield* temps(directory)).toEqual([])
    }),
  )

  live("outlives its leader", () =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      const leader = yield* Scope.make()
      yield* Scope.provide(joinAs(engine.plan("a")), leader)
      const follower = yield* joinAs(engine.plan("a"))
      yield* Scope.close(leader, Exit.void)
      yield* Queue.offer(engine.chunks, audio(2))
      yield* Queue.end(engine.chunks)
      expect(yield* collect(follower)).toEqual(bytesOf([audio(1), audio(2)]))
      expect(engine.calls).toEqual({ started: 1, stopped: 0 })
    }),
  )

  live("is another one for whoever comes after the last has left", () =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      yield* Effect.scoped(joinAs(engine.plan("a")))
      const again = yield* makeEngine
      yield* Queue.offer(again.chunks, audio(2))
      const listening = yield* joinAs(again.plan("a"))
      yield* Queue.end(again.chunks)
      expect(listening.role).toBe("MISS")
      expect(yield* collect(listening)).toEqual(audio(2))
    }),
  )

  live("that fails before its first byte fails every join, and the next one tries again", () =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      const joins = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 5 }, () => Effect.flip(joinAs(engine.plan("a")))),
          { concurrency: "unbounded" },
        ),
      )
      yield* eventually(() => engine.calls.started === 1)
      yield* Queue.fail(engine.chunks, "refused")
      expect(yield* Fiber.join(joins)).toEqual(Array.from({ length: 5 }, () => "refused"))
      const again = yield* makeEngine
      yield* Queue.offer(again.chunks, audio(1))
      yield* joinAs(again.plan("a"))
      expect([engine.calls.started, again.calls.started]).toEqual([1, 1])
    }),
  )

  live("that fails midway fails every listener's stream, at whatever place it is", () =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      const [one, two] = [yield* joinAs(engine.plan("a")), yield* joinAs(engine.plan("a"))]
      const hearing = yield* Effect.forkChild(Effect.flip(collect(one)))
      yield* Queue.fail(engine.chunks, "cut")
      expect(yield* Fiber.join(hearing)).toBe("cut")
      expect(yield* Effect.flip(collect(two))).toBe("cut")
      expect(yield* read("a")).toBeUndefined()
    }),
  )

  live("with a bad verdict fails its listeners and commits nothing", () =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      const plan = { ...engine.plan("a"), describe: () => Effect.fail("too short") }
      const listening = yield* joinAs(plan)
      yield* Queue.end(engine.chunks)
      expect(yield* Effect.flip(collect(listening))).toBe("too short")
      expect(yield* read("a")).toBeUndefined()
    }),
  )

  live("is kept though everybody left after the verdict", ({ disk }) =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* joinAs(engine.plan("a"))
          disk.plan((_, call) => (call === "sync" ? "delay" : undefined))
          yield* Queue.end(engine.chunks)
          yield* eventually(() => disk.calls.includes("sync"))
        }),
      )
      disk.plan(() => undefined)
      yield* disk.release
      for (let i = 0; i < 1_000 && (yield* read("a")) === undefined; i++) yield* turn
      expect(yield* read("a")).toEqual(audio(1))
    }),
  )

  live("stops with the gateway: listeners fail, nothing stays", ({ directory }) =>
    Effect.gen(function* () {
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(1))
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        Layer.fresh(
          Flights.layer.pipe(
            Layer.provide(cacheAt(`${directory}/other`)),
            Layer.provide(Settings.layerTest()),
            Layer.provide(node),
          ),
        ),
        scope,
      )
      const listening = yield* Effect.provide(joinAs(engine.plan("a")), context)
      const hearing = yield* Effect.forkChild(Effect.flip(collect(listening)))
      yield* Scope.close(scope, Exit.void)
      expect(((yield* Fiber.join(hearing)) as CacheError).reason._tag).toBe("FlightStopped")
      expect(engine.calls.stopped).toBe(1)
      expect(yield* temps(`${directory}/other`)).toEqual([])
      // And whoever comes even later is turned away instead of waiting for ever.
      const late = yield* Effect.flip(Effect.provide(joinAs(engine.plan("b")), context))
      expect((late as CacheError).reason._tag).toBe("FlightStopped")
    }),
  )
})

describe("what the client's cache-control asks for", () => {
  live("refresh makes the entry anew and replaces it", () =>
    Effect.gen(function* () {
      yield* put("a", audio(1))
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(2))
      const listening = yield* joinAs(engine.plan("a", "refresh"))
      yield* Queue.end(engine.chunks)
      expect(yield* collect(listening)).toEqual(audio(2))
      expect(yield* read("a")).toEqual(audio(2))
    }),
  )

  live("while an entry is being refreshed, others are served the one that is there", () =>
    Effect.gen(function* () {
      yield* put("a", audio(1))
      const engine = yield* makeEngine
      yield* Queue.offer(engine.chunks, audio(2))
      yield* joinAs(engine.plan("a", "refresh"))
      const flights = yield* Flights
      expect((yield* flights.join(engine.plan("a")))._tag).toBe("Found")
    }),
  )

  live("bypass flies alone, finds nothing and leaves nothing", () =>
    Effect.gen(function* () {
      yield* put("b", audio(1))
      for (const text of ["a", "b"]) {
        const engine = yield* makeEngine
        yield* Queue.offer(engine.chunks, audio(2))
        const listening = yield* joinAs(engine.plan(text, "bypass"))
        const other = yield* makeEngine
        yield* Queue.offer(other.chunks, audio(3))
        const alone = yield* joinAs(other.plan(text, "bypass"))
        expect([listening.role, alone.role]).toEqual(["BYPASS", "BYPASS"])
        expect([engine.calls.started, other.calls.started]).toEqual([1, 1])
        yield* Queue.end(engine.chunks)
        expect(yield* collect(listening)).toEqual(audio(2))
      }
      expect(yield* read("a")).toBeUndefined()
      expect(yield* read("b")).toEqual(audio(1))
    }),
  )
})

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
})
