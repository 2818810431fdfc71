import { describe, expect, vi } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Option, Queue, Scope, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { CacheError } from "../../src/cache/CacheError.ts"
import { Flights } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { audio, bytesOf, cacheAt, node, put, read } from "../support/cache.ts"
import { collect, eventually, joinAs, live, makeEngine, turn } from "../support/flights.ts"

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

  live(
    "is written to a client before it is hashed for its entry, also where it came in one piece",
    () =>
      Effect.gen(function* () {
        const engine = yield* makeEngine
        const order: Array<string> = []
        const cache = yield* AtomicCache
        const hashing = vi.spyOn(cache, "put").mockImplementation(() =>
          Effect.suspend(() => {
            order.push("hashed")
            return CacheError.broken("of this test")
          }),
        )
        const listening = yield* Effect.forkChild(
          joinAs(engine.plan("a")).pipe(
            // As Node writes to a socket: at the end of the turn in which it was given bytes.
            Effect.flatMap(({ bytes }) =>
              Stream.runForEach(bytes, () => Effect.sync(() => process.nextTick(() => order.push("written")))),
            ),
          ),
        )
        yield* Queue.offerAll(engine.chunks, [audio(1), audio(2)])
        yield* Queue.end(engine.chunks)
        yield* Fiber.join(listening)
        hashing.mockRestore()
        expect([order[0], order.at(-1)]).toEqual(["written", "hashed"])
      }),
    {},
    1_000_000,
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
