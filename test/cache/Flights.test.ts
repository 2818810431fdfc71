import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Queue, Scope, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { type FlightPlan } from "../../src/cache/Flight.ts"
import { Flights, type Listening } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { audio, cacheAt, description, keyOf, node, read, temporary } from "../support/cache.ts"

type Bytes = Uint8Array

/** An engine that plays what it is handed, and says how often it was called and called off. */
const makeEngine = Effect.gen(function* () {
  const chunks = yield* Queue.unbounded<Bytes, "cut" | import("effect").Cause.Done>()
  const calls = { started: 0, stopped: 0 }
  const stopped = yield* Deferred.make<void>()
  const plan = (text: string, mode: FlightPlan<string>["mode"] = "use"): FlightPlan<string> => ({
    key: keyOf(text),
    mode,
    produce: Stream.suspend(() => {
      calls.started += 1
      return Stream.fromQueue(chunks)
    }).pipe(
      Stream.onExit((exit) =>
        Effect.gen(function* () {
          if (Exit.isFailure(exit) && Exit.hasInterrupts(exit)) calls.stopped += 1
          yield* Deferred.succeed(stopped, undefined)
        }),
      ),
    ),
    describe: () => Effect.succeed(description),
  })
  return { chunks, calls, stopped, plan }
})

const collect = (listening: Listening<string>) =>
  Effect.map(Stream.runCollect(listening.bytes), (chunks) => new Uint8Array(Buffer.concat(chunks)))

const joinAs = Effect.fnUntraced(function* (plan: FlightPlan<string>) {
  const flights = yield* Flights
  const joined = yield* flights.join(plan)
  if (joined._tag === "Found") return yield* Effect.die("found instead of flown")
  return joined
})

const layer = Layer.unwrap(
  Effect.map(temporary, (directory) =>
    Flights.layer.pipe(
      Layer.provideMerge(cacheAt(directory)),
      Layer.provide(Settings.layerTest({ cacheDir: directory })),
    ),
  ),
).pipe(Layer.provide(node))

describe("Flights", () => {
  const live = (title: string, test: Effect.Effect<void, unknown, AtomicCache | Flights | Scope.Scope>) =>
    it.live(title, () => Effect.provide(test, layer, { local: true }))

  live(
    "one engine call feeds whoever asks, and the next one finds the entry",
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
      const whole = new Uint8Array([...audio(1), ...audio(2)])
      expect(yield* Fiber.join(both)).toEqual([whole, whole])
      expect(yield* read("a")).toEqual(whole)
      const flights = yield* Flights
      expect((yield* flights.join(engine.plan("a")))._tag).toBe("Found")
      expect(engine.calls.started).toBe(1)
    }),
  )

  live(
    "the last listener's leaving calls the engine off",
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
    }),
  )
})
