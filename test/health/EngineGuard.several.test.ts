import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { makeRoomErrors, type RoomError } from "../../src/http/ErrorAnswers.ts"
import { MoodyEngine, moods, type Mood, powerOf, probesOf } from "../support/moodyEngine.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"

const quiet = Effect.provide(Logger.layer([]))

const transcribe = Effect.flatMap(EngineGuard, (guard) =>
  Stream.runDrain(guard.stream("parakeet", (client) => client.transcribe({ path: "", samples: 1 }))),
)

/** What a client is told by as many engines as there are moods, all of them in theirs: to one call, and to another a little later. */
const told = (count: number, mood: Mood) => {
  const engines = Array.from({ length: count }, () => Object.assign(new MoodyEngine(), { mood, callMillis: 100 }))
  const settings = { queueWait: "1 second", probeTimeout: "2 seconds" }
  const answer = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(transcribe))
    for (let step = 0; step < 200 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("100 millis")
    const exit = yield* Fiber.join(fiber)
    const error = Exit.isSuccess(exit) ? undefined : (exit.cause.reasons[0] as { readonly error: RoomError }).error
    if (error === undefined) return "answered"
    const { envelope, headers, status } = makeRoomErrors({ retryAfter: Duration.seconds(60) })(error)
    return { status, headers, envelope }
  })
  return Effect.gen(function* () {
    return [yield* answer, yield* answer]
  }).pipe(
    Effect.provide(
      healthRoom(engines[0]!, { others: engines.slice(1), settings, restarter: "none", probe: probesOf(engines) }),
    ),
  )
}

it.effect("where all of several engines are out, clients are told what one alone would tell them", () =>
  Effect.gen(function* () {
    const answers = yield* Effect.forEach(moods, (mood) =>
      Effect.gen(function* () {
        const [one, two] = [yield* told(1, mood), yield* told(2, mood)]
        assert.deepStrictEqual([mood, ...two], [mood, ...one])
        return `${mood}: ${one.map((answer) => (typeof answer === "string" ? answer : `${answer.status} ${answer.envelope.error.code}`)).join(", ")}`
      }),
    )
    process.stdout.write(answers.join("\n"))
  }).pipe(quiet),
)

/** Seconds that 12 clients, each with one call at a time, take for 600 calls. */
const secondsFor = (callMillis: ReadonlyArray<number>) => {
  const [first, ...others] = callMillis.map((millis) => Object.assign(new SickEngine(), { callMillis: millis }))
  return Effect.gen(function* () {
    let left = 600
    const client = Effect.gen(function* () {
      while (left-- > 0) yield* transcribe
    })
    const began = yield* Clock.currentTimeMillis
    let ended = began
    const all = Effect.replicateEffect(client, 12, { concurrency: "unbounded", discard: true }).pipe(
      Effect.andThen(Effect.map(Clock.currentTimeMillis, (now) => void (ended = now))),
    )
    const fiber = yield* Effect.forkChild(all)
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("50 millis")
    yield* Fiber.join(fiber)
    return (ended - began) / 1_000
  }).pipe(Effect.provide(healthRoom(first!, { others })))
}

it.effect("a slow engine among three does not make the two others slower", () =>
  Effect.gen(function* () {
    const [two, three] = [yield* secondsFor([100, 100]), yield* secondsFor([100, 100, 2_500])]
    const ratio = two / three
    process.stdout.write(
      `600 calls: two fast ones ${600 / two} a second, with a slow third ${(600 / three).toFixed(2)} (${ratio.toFixed(3)} of it)`,
    )
    assert.isAbove(ratio, 0.9)
  }).pipe(quiet),
)

const onDemand = (settings: Parameters<typeof healthRoom>[1] = {}) => {
  const engine = Object.assign(new MoodyEngine(), { callMillis: 100 })
  return {
    engine,
    room: healthRoom(engine, { probe: probesOf([engine]), power: powerOf([engine], () => true), ...settings }),
  }
}

const stateOf = Effect.map(
  Effect.flatMap(EngineStates, ({ get }) => get("parakeet")),
  ({ state }) => state,
)

it.effect("nobody needs it, so it is stopped; who needs it then waits for its start, which costs no restart", () => {
  const { engine, room } = onDemand({ settings: { recoveryWait: "1 minute" } })
  return Effect.gen(function* () {
    yield* (yield* DeepHealth).probe("parakeet").pipe(Effect.forkChild, Effect.andThen(TestClock.adjust("1 second")))
    yield* TestClock.adjust("14 seconds")
    assert.deepStrictEqual([engine.off, engine.stops], [true, 1])
    yield* TestClock.adjust("10 minutes")
    assert.strictEqual(yield* stateOf, "stopped")
    const call = yield* Effect.forkChild(Effect.exit(transcribe))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* stateOf, "starting")
    for (let second = 0; second < 10; second++) yield* TestClock.adjust("1 second")
    assert.isTrue(Exit.isSuccess(yield* Fiber.join(call)))
    const { budget, lastRecoveryMillis, lastStartMillis, restarts } = (yield* (yield* DeepHealth).status).find(
      ({ engine }) => engine === "parakeet",
    )!
    assert.deepStrictEqual([restarts, budget.left, lastRecoveryMillis], [[], 3, undefined])
    assert.isAtLeast(lastStartMillis!, 2_000)
    assert.isBelow(lastStartMillis!, 6_000)
    assert.deepStrictEqual(engine.wrongs, [])
  }).pipe(quiet, Effect.provide(room))
})

it.effect("without a wait the first is told when to come back: as long as the last start took", () => {
  const { engine, room } = onDemand()
  return Effect.gen(function* () {
    const start = Effect.gen(function* () {
      yield* TestClock.adjust("20 seconds")
      assert.isTrue(engine.off)
      const { reason } = yield* Effect.flip(transcribe)
      for (let second = 0; second < 10; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* stateOf, "healthy")
      return reason as unknown as { readonly _tag: string; readonly message: string; readonly retryAfterMillis: number }
    })
    const [first, second] = [yield* start, yield* start]
    assert.deepInclude(first, { _tag: "EngineStarting", retryAfterMillis: 60_000 })
    assert.strictEqual(second._tag, "EngineStarting")
    assert.isAtLeast(second.retryAfterMillis, 2_000)
    assert.isBelow(second.retryAfterMillis, 6_000)
    assert.match(
      second.message,
      /^Parakeet was stopped while nobody needed it. It is being started, which took [3-6]s the last time/,
    )
  }).pipe(quiet, Effect.provide(room))
})

it.effect("a request in the very moment of stopping is never lost: at every millisecond around it", () => {
  const { engine, room } = onDemand({ settings: { recoveryWait: "1 minute" } })
  return Effect.gen(function* () {
    for (let offset = -20; offset <= 20; offset++) {
      yield* transcribe.pipe(
        Effect.forkChild,
        Effect.andThen((fiber) => Effect.andThen(TestClock.adjust("10 seconds"), Fiber.join(fiber))),
      )
      // The call ended after 100 ms, so that the engine is stopped 15 seconds after that.
      yield* TestClock.adjust(15_000 - 9_900 + offset)
      const call = yield* Effect.forkChild(Effect.exit(transcribe))
      for (let second = 0; second < 12; second++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([offset, Exit.isSuccess(yield* Fiber.join(call)), engine.wrongs], [offset, true, []])
    }
    assert.isAbove(engine.stops, 10)
  }).pipe(quiet, Effect.provide(room))
})
