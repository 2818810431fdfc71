import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Segment } from "../../src/audio/Segment.ts"
import { Admission } from "../../src/health/Admission.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineCut, type EngineFailure, EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { cublasError, healthRoom, SickEngine } from "../support/sickEngine.ts"

const quiet = Effect.provide(Logger.layer([]))
const state = Effect.flatMap(EngineStates, ({ get }) => Effect.map(get("parakeet"), (record) => record.state))
const healthy = Effect.flatMap(DeepHealth, ({ probe }) => probe("parakeet"))

const call = (engine: { readonly transcribe: Effect.Effect<Segment, EngineError> }, content?: string) =>
  Effect.flatMap(EngineGuard, (guard) =>
    Stream.runCollect(guard.stream("parakeet", () => Stream.fromEffect(engine.transcribe), { content })),
  )

const reasonOf = <A>(asked: Effect.Effect<A, { readonly reason: { readonly _tag: string } }, EngineGuard>) =>
  Effect.map(Effect.flip(asked), ({ reason }) => reason._tag)

const failing = (reason: EngineFailure) => ({
  transcribe: Effect.fail(new EngineError({ engine: "parakeet", reason })),
})

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })

it.effect("a refused connection is known at once, and so is the first call that is answered again", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    yield* Effect.gen(function* () {
      yield* healthy
      const refused = failing(new EngineUnreachable({ message: "connect ECONNREFUSED" }))
      assert.strictEqual(yield* reasonOf(call(refused)), "EngineUnreachable")
      const { reason, state: now } = yield* (yield* EngineStates).get("parakeet")
      assert.deepStrictEqual([now, reason], ["down", "connect ECONNREFUSED"])
      // The probe that looks finds another engine than the request did, if it does at all.
      yield* (yield* EngineStates).apply("parakeet", "unreachable", "still")
      yield* call(engine)
      assert.strictEqual(yield* state, "unknown")
      yield* pass(1)
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("what a question meets counts as much, though it takes no turn", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    yield* Effect.gen(function* () {
      const guard = yield* EngineGuard
      yield* healthy
      yield* (yield* Admission).turn("parakeet")
      const refused = Effect.fail(
        new EngineError({ engine: "parakeet", reason: new EngineUnreachable({ message: "refused" }) }),
      )
      assert.strictEqual(yield* reasonOf(guard.ask("parakeet", () => refused)), "EngineUnreachable")
      assert.strictEqual(yield* state, "down")
      assert.deepStrictEqual(
        yield* guard.ask("parakeet", () => Effect.succeed("voices")),
        new Map([["parakeet" as const, "voices"]]),
      )
      assert.strictEqual(yield* state, "unknown")
    }).pipe(Effect.scoped, Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a recording gets a strike when a probe confirms the wedge, not when one is suspected", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    yield* Effect.gen(function* () {
      const strikes = Effect.flatMap(Quarantine, ({ list }) =>
        Effect.map(list, (recordings) => recordings.map(({ content, strikes }) => `${content} ${strikes}`)),
      )
      for (let n = 0; n < 3; n++) {
        yield* Effect.exit(call(failing(cublasError), "innocent"))
        assert.deepStrictEqual(yield* strikes, [])
        yield* pass(5)
        assert.strictEqual(yield* state, "healthy")
        assert.deepStrictEqual(yield* strikes, [])
      }
      engine.wedged = true
      yield* Effect.exit(call(engine, "guilty"))
      assert.deepStrictEqual(yield* strikes, [])
      yield* pass(5)
      assert.deepStrictEqual(yield* strikes, ["guilty 1"])
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("those in flight at a wedge that is confirmed already get their strike as they fail", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, loadMillis: 60_000 })
    yield* Effect.gen(function* () {
      const late = { transcribe: Effect.andThen(Effect.sleep("5 seconds"), failing(cublasError).transcribe) }
      const fiber = yield* Effect.forkChild(Effect.exit(call(late, "late")))
      yield* TestClock.adjust(0)
      yield* Effect.exit(call(engine, "first"))
      yield* pass(10)
      yield* Fiber.join(fiber)
      const found = yield* (yield* Quarantine).list
      assert.deepStrictEqual(
        found.map(({ content, strikes }) => [content, strikes]),
        [
          ["first", 1],
          ["late", 1],
        ],
      )
    }).pipe(Effect.provide(healthRoom(engine, { settings: { parakeetConcurrency: "3" } })))
  }).pipe(quiet),
)

it.effect("a call that began while its engine was down and fails once it is healthy is told what it met itself", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    yield* Effect.gen(function* () {
      const guard = yield* EngineGuard
      const states = yield* EngineStates
      yield* healthy
      yield* states.apply("parakeet", "unreachable", "connect ECONNREFUSED")
      const broke = yield* Deferred.make<never, EngineError>()
      const fiber = yield* Effect.forkChild(
        reasonOf(Stream.runDrain(guard.stream("parakeet", () => Stream.fromEffect(Deferred.await(broke))))),
      )
      yield* TestClock.adjust("1 second")
      yield* healthy
      const before = yield* states.get("parakeet")
      const cut = new EngineCut({ message: "the connection was closed" })
      yield* Deferred.fail(broke, new EngineError({ engine: "parakeet", reason: cut }))
      assert.strictEqual(yield* Fiber.join(fiber), "EngineCut")
      // It says nothing about the engine that is there now.
      yield* pass(1)
      const { probes, state: now } = yield* states.get("parakeet")
      assert.deepStrictEqual([now, probes.length], ["healthy", before.probes.length])
    }).pipe(Effect.provide(healthRoom(engine, { settings: { parakeetConcurrency: "2" } })))
  }).pipe(quiet),
)

it.effect(
  "a call that a restart has cut off is told so, also where it notices only once the engine is healthy again",
  () =>
    Effect.gen(function* () {
      const engine = new SickEngine()
      yield* Effect.gen(function* () {
        const guard = yield* EngineGuard
        yield* healthy
        const broke = yield* Deferred.make<never, EngineError>()
        const fiber = yield* Effect.forkChild(
          reasonOf(Stream.runDrain(guard.stream("parakeet", () => Stream.fromEffect(Deferred.await(broke))))),
        )
        yield* TestClock.adjust("1 second")
        const restarting = yield* Effect.forkChild((yield* DeepHealth).restart("parakeet", "a test"))
        yield* pass(60)
        yield* Fiber.join(restarting)
        assert.strictEqual(yield* state, "healthy")
        const cut = new EngineCut({ message: "the connection was closed" })
        yield* Deferred.fail(broke, new EngineError({ engine: "parakeet", reason: cut }))
        assert.strictEqual(yield* Fiber.join(fiber), "EngineWedged")
      }).pipe(Effect.provide(healthRoom(engine, { settings: { parakeetConcurrency: "2" } })))
    }).pipe(quiet),
)
