import { assert, it } from "@effect/vitest"
import { type Context, Effect, Fiber, Layer, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import type { JournalRecord } from "../../src/health/RestartJournal.ts"
import type { LiveSettings } from "../../src/LiveSettings.ts"
import { Settings } from "../../src/Settings.ts"
import { withWallClock } from "../support/wallClock.ts"
import { seededRandom } from "../support/seededRandom.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"

const record = Effect.flatMap(EngineStates, ({ get }) => get("parakeet"))
const state = Effect.map(record, (found) => found.state)
const probe = Effect.flatMap(DeepHealth, (deepHealth) => deepHealth.probe("parakeet"))
const quiet = Effect.provide(Logger.layer([]))

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: 2 * seconds }), () => TestClock.adjust("500 millis"), { discard: true })

/** An engine whose process lives on for `lingerMillis` after the restart command has returned, with the wedge it had. */
const lingering = (lingerMillis: number, more: Partial<SickEngine> = {}) =>
  Object.assign(new SickEngine(), { wedged: true, lingerMillis, ...more })

const gapsOf = ({ restarts }: SickEngine) => restarts.slice(1).map((at, i) => (at - restarts[i]!) / 1_000)

it.effect(
  "a restart command that returns before the old process is gone: what that one still answers restarts nothing",
  () =>
    Effect.gen(function* () {
      const engine = lingering(6_000, { loadMillis: 120_000 })
      yield* Effect.gen(function* () {
        yield* probe
        yield* pass(180)
        assert.strictEqual(yield* state, "healthy")
        assert.strictEqual(engine.restarts.length, 1)
        assert.strictEqual((yield* (yield* RestartBudget).status("parakeet")).left, 2)
        assert.isAbove(
          (yield* record).probes.filter(({ detail }) => detail.includes("from before the restart")).length,
          3,
        )
      }).pipe(Effect.provide(healthRoom(engine)))
    }).pipe(quiet),
)

it.effect("a new process that is there before the old one was missed ends the wait", () =>
  Effect.gen(function* () {
    const engine = lingering(6_000)
    yield* Effect.gen(function* () {
      yield* probe
      yield* pass(7)
      assert.strictEqual(yield* state, "healthy")
      assert.strictEqual(engine.restarts.length, 1)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a wedge of the new process is no echo of the old one, however soon it comes", () =>
  Effect.gen(function* () {
    const engine = lingering(1_000)
    yield* Effect.gen(function* () {
      yield* probe
      yield* pass(3)
      assert.strictEqual(yield* state, "healthy")
      engine.wedged = true
      yield* probe
      yield* pass(1)
      assert.strictEqual(engine.restarts.length, 2)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("an engine that was seen gone and is wedged again is restarted at once", () =>
  Effect.gen(function* () {
    const engine = lingering(1_000, { loadMillis: 2_000, wedgesAgain: true })
    yield* Effect.gen(function* () {
      yield* probe
      yield* pass(5)
      assert.strictEqual(engine.restarts.length, 2)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("each restart that does not help gives the old process twice as long to go", () =>
  Effect.gen(function* () {
    const engine = lingering(24 * 60 * 60_000)
    yield* Effect.gen(function* () {
      yield* probe
      yield* pass(75)
      assert.strictEqual(yield* state, "exhausted")
      const [first, second, ...more] = gapsOf(engine)
      assert.deepStrictEqual(more, [])
      assert.isTrue(first! >= 10 && first! < 12, `${first}`)
      assert.isTrue(second! >= 20 && second! < 22, `${second}`)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

for (const [where, change] of [
  ["ahead", 86_400_000],
  ["back", -86_400_000],
] as const) {
  it.effect(`the old process has its time to go, also where the clock is set ${where} meanwhile`, () =>
    withWallClock((set) =>
      Effect.gen(function* () {
        const engine = lingering(72 * 60 * 60_000, { callMillis: 1 })
        yield* Effect.gen(function* () {
          const asked = yield* Effect.forkChild(probe)
          yield* pass(3)
          yield* Fiber.join(asked)
          set(change)
          yield* pass(5)
          assert.strictEqual(engine.restarts.length, 1)
          yield* pass(5)
          assert.strictEqual(engine.restarts.length, 2)
        }).pipe(Effect.provide(healthRoom(engine)))
      }),
    ).pipe(quiet),
  )
}

it.effect("a probe that began before a restart says nothing about the process after it", () =>
  Effect.gen(function* () {
    // Long enough that the operator's restart is over before the probe is.
    const engine = Object.assign(new SickEngine(), { callMillis: 20_000, wedged: true })
    yield* Effect.gen(function* () {
      const { restart } = yield* DeepHealth
      const asked = yield* Effect.forkChild(probe)
      yield* pass(5)
      yield* restart("parakeet", "it stutters")
      yield* Effect.sync(() => (engine.wedged = true))
      const { outcome } = yield* Effect.andThen(pass(16), Fiber.join(asked))
      assert.strictEqual(outcome, "acquitted")
      engine.wedged = false
      yield* pass(60)
      assert.strictEqual(yield* state, "healthy")
      assert.strictEqual(engine.restarts.length, 1)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

it.effect("a healthy engine that an operator restarts is not healthy again before its old process is gone", () =>
  Effect.gen(function* () {
    const engine = lingering(6_000, { wedged: false, loadMillis: 30_000 })
    yield* Effect.gen(function* () {
      yield* probe
      yield* (yield* DeepHealth).restart("parakeet", "a new model")
      yield* pass(5)
      assert.strictEqual(yield* state, "recovering")
      yield* pass(45)
      assert.strictEqual(yield* state, "healthy")
      const { changes } = yield* record
      assert.strictEqual(changes.filter(({ to }) => to === "healthy").length, 2)
    }).pipe(Effect.provide(healthRoom(engine)))
  }).pipe(quiet),
)

for (const [what, lingerMillis] of [
  ["waits for its restart to be over", 0],
  ["only asks for a restart", 4_000],
] as const) {
  it.effect(`of two gateways with one engine and a backend that ${what}, one restarts it`, () =>
    Effect.gen(function* () {
      const journal: Array<JournalRecord> = []
      const engine = lingering(lingerMillis, { restartMillis: 3_000, loadMillis: 20_000, callMillis: 1_000 })
      const [one, other] = yield* Effect.all([
        Layer.build(healthRoom(engine, { journal })),
        Layer.build(healthRoom(engine, { journal })),
      ])
      const first = yield* Effect.forkChild(Effect.provide(probe, one))
      yield* TestClock.adjust("500 millis")
      const second = yield* Effect.forkChild(Effect.provide(probe, other))
      yield* pass(120)
      yield* Effect.all([Fiber.join(first), Fiber.join(second)])
      assert.deepStrictEqual(
        [yield* Effect.provide(state, one), yield* Effect.provide(state, other)],
        ["healthy", "healthy"],
      )
      assert.strictEqual(engine.restarts.length, 1)
    }).pipe(Effect.scoped, quiet),
  )
}

/** One wedge, one restart whose old process lives on for a while, and everybody asking at random meanwhile. */
const oneWedge = Effect.fnUntraced(function* (seed: number, readSettings: Context.Context<Settings | LiveSettings>) {
  const random = seededRandom(seed)
  const engine = lingering(1 + random(9_000), {
    loadMillis: random(2) * random(60_000),
    restartMillis: random(2) * random(8_000),
    callMillis: random(3) * random(2_000),
  })
  yield* Effect.gen(function* () {
    const deepHealth = yield* DeepHealth
    const guard = yield* EngineGuard
    const restless = Effect.gen(function* () {
      for (;;) {
        yield* Effect.ignore(
          random(2) === 0
            ? deepHealth.probe("parakeet")
            : Stream.runDrain(guard.stream("parakeet", () => Stream.fromEffect(engine.transcribe))),
        )
        yield* Effect.sleep(random(3_000))
      }
    })
    const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(restless))
    for (let n = 0; n < 200; n++) yield* TestClock.adjust(1 + random(1_000))
    yield* Fiber.interruptAll(fibers)
    assert.strictEqual(yield* state, "healthy", `seed ${seed}`)
    assert.strictEqual(engine.restarts.length, 1, `seed ${seed}: ${engine.restarts.join(" ")}`)
  }).pipe(Effect.provide(healthRoom(engine, { readSettings, scheduled: random(2) === 0 })))
})

it.effect("over 40 seeds one wedge is one restart, whoever asks and however long the old process lives on", () =>
  Effect.gen(function* () {
    const settings = yield* Effect.context<Settings | LiveSettings>()
    for (let seed = 0; seed < 40; seed++) yield* oneWedge(seed, settings)
  }).pipe(Effect.provide(Settings.layerTest({ parakeetConcurrency: "3" })), quiet),
)
