import { assert, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Segment } from "../../src/audio/Segment.ts"
import { Admission } from "../../src/health/Admission.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import type { HealthError } from "../../src/health/HealthError.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import {
  type EngineFailure,
  EngineRejected,
  EngineTimedOut,
  EngineUnreachable,
} from "../../src/upstream/EngineFailure.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { cublasError, healthRoom, SickEngine } from "../support/sickEngine.ts"

const quiet = Effect.provide(Logger.layer([]))
const state = Effect.flatMap(EngineStates, ({ get }) => Effect.map(get("parakeet"), (record) => record.state))
const healthy = Effect.flatMap(DeepHealth, ({ probe }) => probe("parakeet"))

const call = (engine: { readonly transcribe: Effect.Effect<Segment, EngineError> }, content?: string) =>
  Effect.flatMap(EngineGuard, (guard) =>
    Stream.runCollect(guard.stream("parakeet", () => Stream.fromEffect(engine.transcribe), { content })),
  )

/** Ends of calls in a word: the error's reason, or `ok`. */
const word = (exit: Exit.Exit<unknown, HealthError | EngineError>) =>
  Exit.match(exit, {
    onSuccess: () => "ok",
    onFailure: (cause) => {
      const error = cause.reasons[0]
      return error?._tag === "Fail" ? error.error.reason._tag : Cause.pretty(cause)
    },
  })

const failing = (reason: EngineFailure) => ({
  transcribe: Effect.fail(new EngineError({ engine: "parakeet", reason })),
})

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })

it.effect("100 requests that meet a wedge at once: one probe, one restart, and every one is told to come again", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { callMillis: 100, loadMillis: 3_000 })
    yield* Effect.gen(function* () {
      yield* healthy.pipe(
        Effect.forkChild,
        Effect.andThen((fiber) => Effect.andThen(pass(1), Fiber.join(fiber))),
      )
      engine.wedged = true
      const before = engine.calls
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(Effect.exit(call(engine))),
      )
      yield* pass(10)
      const words = (yield* Effect.forEach(fibers, Fiber.join)).map(word)
      assert.deepStrictEqual(new Set(words), new Set(["EngineWedged"]))
      const { probes, restarts, state: now } = yield* (yield* EngineStates).get("parakeet")
      assert.strictEqual(now, "healthy")
      assert.strictEqual(restarts.length, 1)
      // The first probe, the one that confirmed, the one after the restart.
      assert.deepStrictEqual(
        probes.map(({ outcome }) => outcome),
        ["passed", "wedged", "passed"],
      )
      assert.strictEqual(engine.calls - before, 100 + 2)
      yield* Effect.forkChild(call(engine)).pipe(Effect.andThen((fiber) => Effect.andThen(pass(1), Fiber.join(fiber))))
    }).pipe(Effect.provide(healthRoom(engine, { settings: { parakeetConcurrency: "100" } })))
  }).pipe(quiet),
)

it.effect("100 in line behind one that meets a wedge never reach the engine", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, callMillis: 100, loadMillis: 60_000 })
    yield* Effect.gen(function* () {
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(Effect.exit(call(engine))),
      )
      yield* pass(5)
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(new Set(exits.map(word)), new Set(["EngineWedged"]))
      // One request and one probe.
      assert.strictEqual(engine.calls, 2)
      assert.strictEqual(engine.restarts.length, 1)
    }).pipe(Effect.provide(healthRoom(engine, { settings: { queueLength: "100" } })))
  }).pipe(quiet),
)

it.effect("the one that met it is answered at once, before the probe knows", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true })
    yield* Effect.gen(function* () {
      const exit = yield* Effect.exit(call(engine))
      assert.strictEqual(word(exit), "EngineWedged")
      const error = yield* Effect.flip(exit)
      assert.deepInclude(error.reason, { engine: "parakeet", retryAfterMillis: 60_000 })
      assert.strictEqual(yield* state, "suspect")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a false alarm lets those through who waited for the verdict", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { callMillis: 1_000 })
    yield* Effect.gen(function* () {
      assert.strictEqual(word(yield* Effect.exit(call(failing(cublasError)))), "EngineWedged")
      const followers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Effect.exit(call(engine))))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(engine.calls, 1)
      yield* pass(5)
      assert.deepStrictEqual((yield* Effect.forEach(followers, Fiber.join)).map(word), ["ok", "ok", "ok"])
      assert.strictEqual(engine.restarts.length, 0)
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("who waits for a verdict that does not come is not kept for ever", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    yield* Effect.gen(function* () {
      // Somebody's long call keeps the probe from its turn.
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* (yield* Admission).turn("parakeet")
          const wedged = Effect.fail(new EngineError({ engine: "parakeet", reason: cublasError }))
          yield* Effect.exit((yield* EngineGuard).ask("parakeet", () => wedged))
          const follower = yield* Effect.forkChild(Effect.exit(call(engine)))
          yield* pass(60)
          assert.isUndefined(follower.pollUnsafe())
          yield* pass(5)
          assert.strictEqual(word(yield* Fiber.join(follower)), "EngineWedged")
        }),
      )
    }).pipe(Effect.provide(healthRoom(engine, { settings: { queueWait: "10 minutes" } })))
  }).pipe(quiet),
)

it.effect("a wedged engine is not touched by requests until a probe passes; exhausted says not to retry", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, wedgesAgain: true })
    yield* Effect.gen(function* () {
      yield* healthy
      yield* pass(5)
      assert.strictEqual(yield* state, "exhausted")
      const before = engine.calls
      const error = yield* Effect.flip(call(engine))
      assert.deepInclude(error.reason, { _tag: "EngineWedged", state: "exhausted" })
      assert.notProperty(error.reason, "retryAfterMillis")
      assert.strictEqual(engine.calls, before)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect(
  "out of memory, a bad request and an engine that is away reach the client as they are, and restart nothing",
  () =>
    Effect.gen(function* () {
      const engine = new SickEngine()
      yield* Effect.gen(function* () {
        const words: Array<string> = []
        for (const reason of [
          new EngineRejected({ status: 500, message: "CUDA out of memory", body: "" }),
          new EngineRejected({ status: 400, message: "no such language", body: "" }),
          new EngineUnreachable({ message: "refused" }),
          new EngineTimedOut({ phase: "total", afterMillis: 1 }),
        ]) {
          words.push(word(yield* Effect.exit(call(failing(reason)))))
          yield* pass(2)
        }
        assert.deepStrictEqual(words, ["EngineRejected", "EngineRejected", "EngineUnreachable", "EngineTimedOut"])
        assert.strictEqual(engine.restarts.length, 0)
        // What may be a wedge was looked at; what the request was to blame for was not.
        assert.strictEqual((yield* (yield* EngineStates).get("parakeet")).probes.length, 2)
      }).pipe(Effect.provide(healthRoom(engine)))
    }).pipe(quiet),
)

it.effect("a call that hangs is a timeout to its client, and the probe finds the wedge", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true })
    yield* Effect.gen(function* () {
      yield* Effect.exit(call(failing(new EngineTimedOut({ phase: "total", afterMillis: 300_000 }))))
      yield* pass(3)
      assert.strictEqual(engine.restarts.length, 1)
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("hold and replay: a wedge in the middle of 20 transcriptions, and all 20 succeed", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { callMillis: 1_000, loadMillis: 120_000 })
    const served = new Map<string, Array<boolean>>()
    const counted = (content: string) => {
      const note = (ok: boolean) => Effect.sync(() => void served.set(content, [...(served.get(content) ?? []), ok]))
      return {
        transcribe: engine.transcribe.pipe(
          Effect.tap(() => note(true)),
          Effect.tapError(() => note(false)),
        ),
      }
    }
    yield* Effect.gen(function* () {
      const contents = Array.from({ length: 20 }, (_, n) => `recording ${n}`)
      const fibers = yield* Effect.forEach(contents, (content) =>
        Effect.forkChild(Effect.exit(call(counted(content), content))),
      )
      yield* pass(7)
      engine.wedged = true
      yield* pass(180)
      assert.deepStrictEqual(
        (yield* Effect.forEach(fibers, Fiber.join)).map(word),
        contents.map(() => "ok"),
      )
      assert.strictEqual(engine.restarts.length, 1)
      const once = [...served.values()].filter((times) => times.length === 1 && times[0] === true)
      assert.strictEqual(once.length, 19)
      assert.deepStrictEqual(
        [...served.values()].find((times) => times.length > 1),
        [false, true],
      )
    }).pipe(Effect.provide(healthRoom(engine, { settings: { recoveryWait: "5 minutes", queueWait: "10 minutes" } })))
  }).pipe(quiet),
)

it.effect("a replay that wedges the engine again is not made a third time, and the recording is quarantined", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    let sent = 0
    const poison = {
      transcribe: Effect.suspend(() => {
        sent++
        engine.wedged = true
        return engine.transcribe
      }),
    }
    yield* Effect.gen(function* () {
      const poisoned = yield* Effect.forkChild(Effect.exit(call(poison, "poison")))
      yield* pass(10)
      assert.strictEqual(word(yield* Fiber.join(poisoned)), "EngineWedged")
      assert.strictEqual(sent, 2)
      yield* pass(10)
      assert.strictEqual(yield* state, "healthy")
      const { left } = yield* (yield* RestartBudget).status("parakeet")
      assert.strictEqual(word(yield* Effect.exit(call(poison, "poison"))), "Quarantined")
      yield* pass(10)
      assert.strictEqual(sent, 2)
      assert.strictEqual((yield* (yield* RestartBudget).status("parakeet")).left, left)
      assert.strictEqual(word(yield* Effect.exit(call(engine, "another"))), "ok")
      assert.deepInclude((yield* (yield* Quarantine).list)[0], { content: "poison", strikes: 2 })
    }).pipe(Effect.provide(healthRoom(engine, { settings: { recoveryWait: "5 minutes" } })))
  }).pipe(quiet),
)

it.effect("without a content hash nothing is held or replayed", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true })
    yield* Effect.gen(function* () {
      assert.strictEqual(word(yield* Effect.exit(call(engine))), "EngineWedged")
    }).pipe(Effect.provide(healthRoom(engine, { settings: { recoveryWait: "5 minutes" } })))
  }).pipe(quiet),
)

it.effect("a held call ends when its wait does", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, loadMillis: 60 * 60_000 })
    yield* Effect.gen(function* () {
      const held = yield* Effect.forkChild(Effect.exit(call(engine, "recording")))
      yield* pass(58)
      assert.isUndefined(held.pollUnsafe())
      yield* pass(5)
      assert.strictEqual(word(yield* Fiber.join(held)), "EngineWedged")
      assert.strictEqual(yield* (yield* Admission).waiting("parakeet"), 0)
    }).pipe(Effect.provide(healthRoom(engine, { settings: { recoveryWait: "1 minute" } })))
  }).pipe(quiet),
)

it.effect("a client that leaves while it waits, or while it is served, leaves nothing behind", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { callMillis: 10_000 })
    yield* Effect.gen(function* () {
      const admission = yield* Admission
      const [served, waiting] = yield* Effect.forEach([1, 2], () => Effect.forkChild(call(engine)))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([yield* admission.working("parakeet"), yield* admission.waiting("parakeet")], [1, 1])
      yield* Fiber.interrupt(waiting!)
      assert.strictEqual(yield* admission.waiting("parakeet"), 0)
      yield* Fiber.interrupt(served!)
      assert.strictEqual(yield* admission.working("parakeet"), 0)
      assert.strictEqual((yield* (yield* EngineStates).get("parakeet")).probes.length, 0)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a call from before the restart that fails after it does not accuse the new process", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const late = yield* Deferred.make<void>()
    yield* Effect.gen(function* () {
      yield* healthy
      const old = {
        transcribe: Effect.andThen(
          Deferred.await(late),
          Effect.fail(new EngineError({ engine: "parakeet", reason: cublasError })),
        ),
      }
      const straggler = yield* Effect.forkChild(Effect.exit(call(old)))
      yield* TestClock.adjust(0)
      engine.wedged = true
      yield* Effect.exit(call(engine))
      yield* pass(3)
      assert.strictEqual(yield* state, "healthy")
      yield* Deferred.succeed(late, undefined)
      assert.strictEqual(word(yield* Fiber.join(straggler)), "EngineWedged")
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine, { settings: { parakeetConcurrency: "3" } })))
  }).pipe(quiet),
)

it.effect("a stream holds its turn to its end, and a wedge in it is reported", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    yield* Effect.gen(function* () {
      const admission = yield* Admission
      const guard = yield* EngineGuard
      const more = yield* Deferred.make<void>()
      const speech = Stream.concat(Stream.make(1), Stream.drain(Stream.fromEffect(Deferred.await(more))))
      const heard = yield* Effect.forkChild(Stream.runCollect(guard.stream("magpie", () => speech)))
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* admission.working("magpie"), 1)
      yield* Deferred.succeed(more, undefined)
      assert.deepStrictEqual(yield* Fiber.join(heard), [1])
      assert.strictEqual(yield* admission.working("magpie"), 0)

      const leaving = yield* Effect.forkChild(Stream.runDrain(guard.stream("magpie", () => Stream.never)))
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(leaving)
      assert.strictEqual(yield* admission.working("magpie"), 0)

      const wedge = Stream.concat(
        Stream.make(1),
        Stream.fail(new EngineError({ engine: "magpie", reason: cublasError })),
      )
      assert.strictEqual(word(yield* Effect.exit(Stream.runDrain(guard.stream("magpie", () => wedge)))), "EngineWedged")
      assert.strictEqual((yield* (yield* EngineStates).get("magpie")).state, "suspect")
      yield* pass(1)
      assert.strictEqual((yield* (yield* EngineStates).get("magpie")).state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a call that met a wedge after its first element is not made again: that one is out already", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { loadMillis: 1_000 })
    let calls = 0
    const cut = Stream.suspend(() => {
      calls++
      engine.wedged = true
      return Stream.concat(Stream.make(1), Stream.fail(new EngineError({ engine: "parakeet", reason: cublasError })))
    })
    yield* Effect.gen(function* () {
      const heard: Array<number> = []
      const stream = (yield* EngineGuard).stream("parakeet", () => cut, { content: "recording" })
      const fiber = yield* Effect.forkChild(
        Effect.exit(Stream.runForEach(stream, (n) => Effect.sync(() => heard.push(n)))),
      )
      yield* pass(10)
      assert.strictEqual(word(yield* Fiber.join(fiber)), "EngineWedged")
      assert.deepStrictEqual([calls, heard], [1, [1]])
      assert.deepInclude((yield* (yield* Quarantine).list)[0], { content: "recording", strikes: 1 })
    }).pipe(Effect.provide(healthRoom(engine, { settings: { recoveryWait: "5 minutes" } })))
  }).pipe(quiet),
)
