import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import type { JournalRecord } from "../../src/health/RestartJournal.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"

const quiet = Effect.provide(Logger.layer([]))

/** Makes a call that lasts for as long as `work`, and tells which Parakeet got it. */
const call = (work: Effect.Effect<unknown> = Effect.void) =>
  Effect.gen(function* () {
    const { of } = yield* Fleet
    const guard = yield* EngineGuard
    const [got] = yield* Stream.runCollect(
      guard.stream("parakeet", (client) =>
        Stream.fromEffect(Effect.as(work, of("parakeet").find((member) => member.client === client)!.id)),
      ),
    )
    return got
  })

/** Transcribes a recording, as the program does. */
const transcribe = (content: string) =>
  Effect.flatMap(EngineGuard, (guard) =>
    Stream.runCollect(guard.stream("parakeet", (client) => client.transcribe({ path: "", samples: 1 }), { content })),
  )

const stateOf = (engine: "parakeet-1" | "parakeet-2") =>
  Effect.flatMap(EngineStates, ({ get }) => Effect.map(get(engine), ({ state }) => state))

it.effect("of engines that are as free, a call gets the one that was chosen the longest ago", () =>
  Effect.gen(function* () {
    const seen = yield* Effect.replicateEffect(call(), 4)
    assert.deepStrictEqual(seen, ["parakeet-1", "parakeet-2", "parakeet-1", "parakeet-2"])
  }).pipe(Effect.provide(healthRoom(new SickEngine(), { others: [new SickEngine()] }))),
)

it.effect("a call gets an engine that is free, and who waits gets the first that is", () =>
  Effect.gen(function* () {
    const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const long = yield* Effect.forkChild(call(Deferred.await(first)))
    yield* TestClock.adjust(0)
    assert.deepStrictEqual(yield* Effect.replicateEffect(call(), 3), ["parakeet-2", "parakeet-2", "parakeet-2"])
    // Both are at work now, and two wait: they get whichever is free first.
    const other = yield* Effect.forkChild(call(Deferred.await(second)))
    yield* TestClock.adjust(0)
    const [third, fourth] = [yield* Effect.forkChild(call()), yield* Effect.forkChild(call())]
    yield* TestClock.adjust(0)
    yield* Deferred.succeed(second, undefined)
    const got = yield* Effect.forEach([other, third, fourth], Fiber.join)
    assert.deepStrictEqual(got, ["parakeet-2", "parakeet-2", "parakeet-2"])
    yield* Deferred.succeed(first, undefined)
    assert.strictEqual(yield* Fiber.join(long), "parakeet-1")
  }).pipe(Effect.provide(healthRoom(new SickEngine(), { others: [new SickEngine()] }))),
)

it.effect("a wedged engine is passed over until it is healed, and its state, restarts and budget are its own", () => {
  const [sick, well] = [Object.assign(new SickEngine(), { wedged: true, loadMillis: 20_000 }), new SickEngine()]
  const journal: Array<JournalRecord> = []
  return Effect.gen(function* () {
    const deepHealth = yield* DeepHealth
    yield* deepHealth.probe("parakeet-2")
    // It meets the wedge and is served by the other.
    yield* transcribe("a")
    assert.strictEqual(sick.calls, 1)
    for (let second = 0; second < 15; second++) {
      yield* TestClock.adjust("1 second")
      assert.notStrictEqual(yield* stateOf("parakeet-1"), "healthy")
      assert.strictEqual(yield* call(), "parakeet-2")
    }
    assert.deepStrictEqual([sick.restarts.length, well.restarts.length], [1, 0])
    const { status } = yield* RestartBudget
    const left = Effect.forEach(["parakeet-1", "parakeet-2", "magpie"] as const, status)
    assert.deepStrictEqual(
      (yield* left).map((one) => one.left),
      [2, 3, 3],
    )
    assert.deepStrictEqual(
      journal.map((record) => "engine" in record && record.engine),
      ["parakeet-1", "parakeet-1"],
    )
    const reports = yield* deepHealth.status
    assert.deepStrictEqual(
      reports.map(({ engine, restarts, state }) => [engine, state, restarts.length]),
      [
        ["magpie", "unknown", 0],
        ["parakeet-1", "recovering", 1],
        ["parakeet-2", "healthy", 0],
      ],
    )
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* stateOf("parakeet-1"), "healthy")
    assert.sameMembers(yield* Effect.replicateEffect(call(), 2), ["parakeet-1", "parakeet-2"])
  }).pipe(quiet, Effect.provide(healthRoom(sick, { others: [well], journal })))
})

it.effect("where none can be used, who waits gets the first that can be, whichever it waited for", () => {
  const sick = () => Object.assign(new SickEngine(), { wedged: true, loadMillis: 100_000 })
  const [slow, quick] = [sick(), Object.assign(sick(), { loadMillis: 5_000 })]
  return Effect.gen(function* () {
    const deepHealth = yield* DeepHealth
    yield* Effect.forEach(["parakeet-1", "parakeet-2"] as const, deepHealth.probe, { concurrency: 2 })
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual([yield* stateOf("parakeet-1"), yield* stateOf("parakeet-2")], ["recovering", "recovering"])
    // Either would be waited for: as many as there are.
    const waiting = yield* Effect.forEach(["a", "b"], (content) => Effect.forkChild(transcribe(content)))
    yield* TestClock.adjust("30 seconds")
    for (const one of waiting) assert.isTrue(Exit.isSuccess(yield* Effect.exit(Fiber.join(one))))
    assert.deepStrictEqual([yield* stateOf("parakeet-1"), yield* stateOf("parakeet-2")], ["recovering", "healthy"])
  }).pipe(quiet, Effect.provide(healthRoom(slow, { others: [quick], settings: { recoveryWait: "60 seconds" } })))
})

it.effect("whose turn comes at an engine that has wedged meanwhile is served by another", () => {
  const [sick, well] = [Object.assign(new SickEngine(), { wedged: true, callMillis: 1_000 }), new SickEngine()]
  return Effect.gen(function* () {
    const busy = yield* Deferred.make<void>()
    // The first is called and will fail; the second works on something long; the third call waits for its turn at the first.
    const meets = yield* Effect.forkChild(Effect.exit(transcribe("a")))
    yield* TestClock.adjust(0)
    const long = yield* Effect.forkChild(call(Deferred.await(busy)))
    yield* TestClock.adjust(0)
    const waits = yield* Effect.forkChild(call())
    yield* TestClock.adjust(0)
    yield* TestClock.adjust("1 second")
    // Both wait for the other engine now.
    assert.deepStrictEqual([meets.pollUnsafe(), waits.pollUnsafe()], [undefined, undefined])
    yield* Deferred.succeed(busy, undefined)
    assert.isTrue(Exit.isSuccess(yield* Fiber.join(meets)))
    assert.strictEqual(yield* Fiber.join(long), "parakeet-2")
    assert.strictEqual(yield* Fiber.join(waits), "parakeet-2")
  }).pipe(quiet, Effect.provide(healthRoom(sick, { others: [well] })))
})
