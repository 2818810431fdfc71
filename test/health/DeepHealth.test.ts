import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Admission } from "../../src/health/Admission.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { type Attempt, EngineProbe } from "../../src/health/EngineProbe.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { HealthError, RestartFailed } from "../../src/health/HealthError.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import { Restarter } from "../../src/health/Restarter.ts"
import { RestartJournal } from "../../src/health/RestartJournal.ts"
import { Settings } from "../../src/Settings.ts"
import { withWallClock } from "../support/wallClock.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"
import { oneOfEach } from "../support/fleet.ts"

const state = Effect.flatMap(EngineStates, ({ get }) => Effect.map(get("parakeet"), (record) => record.state))
const record = Effect.flatMap(EngineStates, ({ get }) => get("parakeet"))
const probe = Effect.flatMap(DeepHealth, (deepHealth) => deepHealth.probe("parakeet"))
const quiet = Effect.provide(Logger.layer([]))

/** The room around a probe that finds what the script says, its last word for ever. */
const scripted = (
  script: Array<Attempt["result"] | "defect">,
  restart: Effect.Effect<void, HealthError> = Effect.void,
  scheduled = false,
) => {
  let asked = 0
  const attempt = Effect.suspend(() => {
    const result = script[Math.min(asked++, script.length - 1)]!
    return result === "defect" ? Effect.die("a bug in the probe") : Effect.succeed<Attempt>({ result, detail: result })
  })
  const other = Effect.succeed<Attempt>({ result: "passed", detail: "" })
  return (scheduled ? DeepHealth.layer : DeepHealth.layerUnscheduled).pipe(
    Layer.provideMerge([
      Admission.layer,
      Quarantine.layer,
      EngineProbe.layerTest((engine) => (engine === "parakeet" ? attempt : other)),
      Restarter.layerTest(() => restart),
    ]),
    Layer.provideMerge(EngineStates.layer),
    Layer.provideMerge(RestartBudget.layer),
    Layer.provide(RestartJournal.layerMemory()),
    Layer.provideMerge(oneOfEach()),
    Layer.provideMerge(Settings.layerTest()),
  )
}

const outcomeOf = (...script: Array<Attempt["result"]>) =>
  Effect.gen(function* () {
    const asked = yield* Effect.forkChild(probe)
    yield* TestClock.adjust("1 second")
    const { attempts, outcome } = yield* Fiber.join(asked)
    return [outcome, attempts]
  }).pipe(Effect.provide(scripted(script)))

it.effect("a sure sign confirms a wedge at once, anything else only twice", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* outcomeOf("certain"), ["wedged", 1])
    assert.deepStrictEqual(yield* outcomeOf("failed", "failed"), ["wedged", 2])
    assert.deepStrictEqual(yield* outcomeOf("failed", "passed"), ["passed", 2])
    assert.deepStrictEqual(yield* outcomeOf("failed", "unreachable"), ["unreachable", 2])
    assert.deepStrictEqual(yield* outcomeOf("unclear"), ["acquitted", 1])
    assert.deepStrictEqual(yield* outcomeOf("loading"), ["loading", 1])
  }).pipe(quiet),
)

it.effect("a wrong result counts only against an engine that has been right before", () =>
  Effect.gen(function* () {
    yield* Effect.gen(function* () {
      assert.strictEqual((yield* probe).outcome, "acquitted")
      assert.strictEqual(yield* state, "unknown")
    }).pipe(Effect.provide(scripted(["wrong"])))
    yield* Effect.gen(function* () {
      yield* probe
      const asked = yield* Effect.forkChild(probe)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(asked)).outcome, "wedged")
    }).pipe(Effect.provide(scripted(["passed", "wrong", "wrong", "passed"])))
  }).pipe(quiet),
)

it.effect("however many ask, one probe runs, and who stops waiting does not stop it", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { callMillis: 1_000 })
    yield* Effect.gen(function* () {
      const askers = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(probe))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(askers[0]!)
      yield* TestClock.adjust("500 millis")
      yield* Effect.forEach(askers.slice(1), Fiber.join)
      assert.strictEqual(engine.calls, 1)
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a wedged engine is restarted, waited for, probed, and its recovery timed", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, restartMillis: 4_000, loadMillis: 5 * 60_000 })
    yield* Effect.gen(function* () {
      yield* probe
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* state, "restarting")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* state, "recovering")
      yield* TestClock.adjust("5 minutes")
      yield* TestClock.adjust("10 seconds")
      const { lastRecoveryMillis, restarts, state: now } = yield* record
      assert.strictEqual(now, "healthy")
      assert.strictEqual(engine.restarts.length, 1)
      assert.isAtLeast(lastRecoveryMillis!, 304_000)
      assert.isBelow(lastRecoveryMillis!, 316_000)
      assert.deepInclude(restarts[0], { outcome: "restarted", backend: "test", durationMillis: 4_000 })
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("an engine that is loading is waited for, never restarted", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { readyAt: 40 * 60_000 })
    yield* Effect.gen(function* () {
      yield* probe
      assert.strictEqual(yield* state, "recovering")
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual(yield* state, "down")
      assert.strictEqual(engine.restarts.length, 0)
      yield* TestClock.adjust("9 minutes")
      yield* probe
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("an engine has its time to recover, whatever the clock is set to meanwhile", () =>
  withWallClock((set) =>
    Effect.gen(function* () {
      const engine = Object.assign(new SickEngine(), { readyAt: Number.POSITIVE_INFINITY })
      yield* Effect.gen(function* () {
        yield* probe
        set(86_400_000)
        yield* TestClock.adjust("29 minutes")
        assert.strictEqual(yield* state, "recovering")
        set(-86_400_000)
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(yield* state, "down")
      }).pipe(Effect.provide(healthRoom(engine)))
    }),
  ).pipe(quiet),
)

it.effect("an engine that does not come back from a restart is restarted again, within the budget", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, loadMillis: 24 * 60 * 60_000 })
    yield* Effect.gen(function* () {
      yield* probe
      yield* TestClock.adjust("61 minutes")
      assert.strictEqual(engine.restarts.length, 3)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("without a backend a restart made by hand is noticed", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true })
    yield* Effect.gen(function* () {
      yield* probe
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* state, "wedged")
      assert.isAtMost(engine.calls, 20)
      engine.wedged = false
      yield* TestClock.adjust("7 minutes")
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine, { restarter: "none" })))
  }).pipe(quiet),
)

it.effect("a backend that fails is tried again ever more slowly, and the state says why", () =>
  Effect.gen(function* () {
    let tries = 0
    const failing = Effect.suspend(
      () => (
        tries++,
        Effect.fail(new HealthError({ reason: new RestartFailed({ message: "no socket", attempted: false }) }))
      ),
    )
    yield* Effect.gen(function* () {
      yield* probe
      yield* TestClock.adjust("1 hour")
      const { reason, restarts, state: now } = yield* record
      assert.strictEqual(now, "wedged")
      assert.strictEqual(reason, "no socket")
      assert.isAtLeast(tries, 10)
      assert.isAtMost(tries, 25)
      assert.deepInclude(restarts[0], { outcome: "failed", detail: "no socket" })
      assert.strictEqual((yield* (yield* RestartBudget).status("parakeet")).left, 3)
    }).pipe(Effect.provide(scripted(["certain"], failing)))
  }).pipe(quiet),
)

it.effect("when the budget is spent an operator can restore it, and the engine heals", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, wedgesAgain: true })
    yield* Effect.gen(function* () {
      const deepHealth = yield* DeepHealth
      yield* probe
      for (let n = 0; n < 6; n++) yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* state, "exhausted")
      assert.strictEqual((yield* Effect.flip(deepHealth.restart("parakeet", "try"))).reason._tag, "BudgetSpent")
      engine.wedgesAgain = false
      yield* deepHealth.restore("parakeet", "the driver was updated")
      for (let n = 0; n < 6; n++) yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* state, "healthy")
      assert.strictEqual(engine.restarts.length, 4)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("an engine that somebody mended while the budget was spent is healthy at the next probe", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, wedgesAgain: true })
    yield* Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* state, "exhausted")
      engine.wedged = false
      yield* TestClock.adjust("6 minutes")
      assert.strictEqual(yield* state, "healthy")
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(engine.restarts.length, 3)
      // It is looked after as before.
      engine.wedged = true
      engine.wedgesAgain = false
      yield* TestClock.adjust("7 minutes")
      assert.strictEqual(yield* state, "healthy")
      assert.strictEqual(engine.restarts.length, 4)
    }).pipe(Effect.provide(healthRoom(engine, { scheduled: true })))
  }).pipe(quiet),
)

it.effect("an engine that somebody restarts while the budget is spent is followed through its start", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { wedged: true, wedgesAgain: true })
    yield* Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* state, "exhausted")
      Object.assign(engine, { wedged: false, readyAt: 14 * 60_000 })
      yield* TestClock.adjust("7 minutes")
      assert.strictEqual(yield* state, "recovering")
      yield* TestClock.adjust("380 seconds")
      assert.strictEqual(yield* state, "healthy")
    }).pipe(Effect.provide(healthRoom(engine, { scheduled: true })))
  }).pipe(quiet),
)

it.effect("an operator's restart answers when the backend is done, and one at a time", () =>
  Effect.gen(function* () {
    const engine = Object.assign(new SickEngine(), { restartMillis: 1_000, loadMillis: 60_000 })
    yield* Effect.gen(function* () {
      const { restart } = yield* DeepHealth
      yield* probe
      const first = yield* Effect.forkChild(restart("parakeet", "a new model"))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* Effect.flip(restart("parakeet", "me too"))).reason._tag, "RestartUnderWay")
      yield* TestClock.adjust("500 millis")
      assert.deepInclude(yield* Fiber.join(first), { outcome: "restarted", reason: "a new model" })
      assert.strictEqual((yield* Effect.flip(restart("parakeet", "me too"))).reason._tag, "RestartUnderWay")
      yield* TestClock.adjust("70 seconds")
      assert.strictEqual(yield* state, "healthy")
      assert.strictEqual(engine.restarts.length, 1)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("an operator's restart that fails leaves a healthy engine healthy", () =>
  Effect.gen(function* () {
    const failing = Effect.fail(
      new HealthError({ reason: new RestartFailed({ message: "no socket", attempted: false }) }),
    )
    yield* Effect.gen(function* () {
      yield* probe
      const { restart } = yield* DeepHealth
      assert.strictEqual((yield* Effect.flip(restart("parakeet", "try"))).reason._tag, "RestartFailed")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* state, "healthy")
      assert.strictEqual((yield* record).restarts.length, 1)
    }).pipe(Effect.provide(scripted(["passed"], failing)))
  }).pipe(quiet),
)

it.effect("nothing that a probe does ends the schedule", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual(yield* state, "unknown")
    yield* TestClock.adjust("20 minutes")
    assert.strictEqual(yield* state, "healthy")
  }).pipe(Effect.provide(scripted(["defect", "defect", "unclear", "passed"], Effect.void, true)), quiet),
)

it.effect("an engine that is down is looked for every 15 seconds, from the moment on that a request finds it so", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* state, "healthy")
    yield* (yield* EngineStates).apply("parakeet", "unreachable", "a request was refused")
    yield* TestClock.adjust("16 seconds")
    assert.strictEqual(yield* state, "down")
    yield* TestClock.adjust("15 seconds")
    assert.strictEqual(yield* state, "healthy")
  }).pipe(Effect.provide(scripted(["passed", "unreachable", "passed"], Effect.void, true)), quiet),
)

it.effect(
  "a probe that met an engine without telling whether it works ends that it is down; one without a turn does not",
  () =>
    Effect.gen(function* () {
      const states = yield* EngineStates
      yield* states.apply("parakeet", "unreachable", "refused")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* (yield* Admission).turn("parakeet")
          const asked = yield* Effect.forkChild(probe)
          yield* TestClock.adjust("60 seconds")
          yield* Fiber.join(asked)
        }),
      )
      assert.strictEqual(yield* state, "down")
      yield* probe
      assert.strictEqual(yield* state, "unknown")
    }).pipe(Effect.provide(scripted(["unclear"])), quiet),
)

it.effect("both engines are probed about every five minutes, not in step", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("2 hours")
    const [magpie, parakeet] = yield* (yield* DeepHealth).status
    for (const report of [magpie!, parakeet!]) {
      assert.isAtLeast(report.probes.length, 20)
      assert.isAtMost(report.probes.length, 30)
    }
    const gaps = parakeet!.probes.slice(1).map(({ at }, i) => at - parakeet!.probes[i]!.at)
    assert.isTrue(gaps.every((gap) => gap >= 4 * 60_000 && gap <= 6 * 60_000))
    assert.isAbove(new Set(gaps).size, 10)
    assert.notDeepEqual(
      magpie!.probes.map(({ at }) => at),
      parakeet!.probes.map(({ at }) => at),
    )
  }).pipe(Effect.provide(scripted(["passed"], Effect.void, true)), quiet),
)

it.effect("a probe of an engine that is busy all the time says nothing about it", () =>
  Effect.gen(function* () {
    const admission = yield* Admission
    yield* admission.turn("parakeet")
    const asked = yield* Effect.forkChild(probe)
    yield* TestClock.adjust("60 seconds")
    assert.deepInclude(yield* Fiber.join(asked), { outcome: "acquitted", attempts: 0 })
  }).pipe(Effect.scoped, Effect.provide(scripted(["certain"])), quiet),
)

it.effect("history is bounded", () =>
  Effect.gen(function* () {
    for (let n = 0; n < 120; n++) yield* probe
    assert.strictEqual((yield* record).probes.length, 50)
  }).pipe(Effect.provide(scripted(["passed"])), quiet),
)
