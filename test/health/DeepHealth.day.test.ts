import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import type { JournalRecord } from "../../src/health/RestartJournal.ts"
import type { LiveSettings } from "../../src/LiveSettings.ts"
import { Settings } from "../../src/Settings.ts"
import { seededRandom } from "../support/seededRandom.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"

const minute = 60_000
const windowMillis = 30 * minute

/** Most restarts in any window. */
const mostInWindow = (times: ReadonlyArray<number>) =>
  Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + windowMillis).length))

/** The longest that an engine which only a restart helps was left without one. */
const longestNeglect = (times: ReadonlyArray<number>) => Math.max(...times.slice(1).map((at, i) => at - times[i]!))

const hopeless = () => Object.assign(new SickEngine(), { wedged: true, wedgesAgain: true })

it.effect("an engine that wedges again after every restart gets exactly 3 in any 30 minutes, all day long", () =>
  Effect.gen(function* () {
    const engine = hopeless()
    yield* TestClock.adjust("24 hours").pipe(Effect.provide(healthRoom(engine, { scheduled: true })))
    assert.strictEqual(mostInWindow(engine.restarts), 3)
    assert.strictEqual(engine.restarts.length, 3 * 48)
  }).pipe(Effect.provide(Logger.layer([]))),
)

it.effect("the schedule, requests and an operator together get no more", () =>
  Effect.gen(function* () {
    const engine = hopeless()
    yield* Effect.gen(function* () {
      const deepHealth = yield* DeepHealth
      const guard = yield* EngineGuard
      const restless = Effect.gen(function* () {
        for (;;) {
          yield* Effect.all(
            [
              Effect.ignore(deepHealth.restart("parakeet", "an operator pressed the button")),
              Effect.ignore(deepHealth.probe("parakeet")),
              Effect.ignore(Stream.runDrain(guard.stream("parakeet", () => Stream.fromEffect(engine.transcribe)))),
            ],
            { concurrency: "unbounded" },
          )
          yield* Effect.sleep("47 seconds")
        }
      })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(restless))
      yield* TestClock.adjust("6 hours")
      yield* Fiber.interruptAll(fibers)
    }).pipe(Effect.provide(healthRoom(engine, { scheduled: true, quickProbe: true })))
    assert.strictEqual(mostInWindow(engine.restarts), 3)
    assert.isAtLeast(engine.restarts.length, 3 * 11)
  }).pipe(Effect.provide(Logger.layer([]))),
)

/** A day (or less) of gateways that follow each other at random moments, ended or killed. */
const gateways = Effect.fnUntraced(function* (seed: number, hours: number) {
  const readSettings = yield* Effect.context<Settings | LiveSettings>()
  const random = seededRandom(seed)
  const engine = Object.assign(hopeless(), { restartMillis: random(20_000) })
  const end = hours * 60 * minute
  const stops = Array.from({ length: 1 + random(Math.ceil(hours / 2) + 1) }, () => random(end)).toSorted(
    (a, b) => a - b,
  )
  let journal: Array<JournalRecord> = []
  let now = 0
  for (const stop of [...stops, end]) {
    const isKilled = random(2) === 0
    const written = journal
    yield* TestClock.adjust(stop - now).pipe(
      // What a killed gateway would have written on its way out is lost.
      Effect.tap(() => Effect.sync(() => void (journal = isKilled ? written.slice() : written))),
      Effect.provide(
        healthRoom(engine, {
          scheduled: true,
          quickProbe: true,
          journal: written,
          readSettings,
        }),
      ),
    )
    now = stop
  }
  assert.isAtMost(mostInWindow(engine.restarts), 3, `seed ${seed}: ${engine.restarts.join(" ")}`)
  // A start takes up to half a minute before it probes; a restart that nobody saw end counts for two minutes more.
  assert.isAtMost(
    longestNeglect(engine.restarts),
    windowMillis + 4 * minute,
    `seed ${seed}: ${engine.restarts.join(" ")}`,
  )
})

const overSeeds = (seeds: number, hours: number) =>
  Effect.forEach(
    Array.from({ length: seeds }, (_, seed) => seed),
    (seed) => gateways(seed, hours),
    { discard: true },
  ).pipe(Effect.provide(Settings.layerTest({ probeInterval: "20 minutes" })), Effect.provide(Logger.layer([])))

it.effect("a gateway that is itself restarted or killed at random keeps to the budget, all day long", () =>
  overSeeds(20, 24),
)

// Some ten seconds where nothing else runs.
it.effect("the same over 2,000 seeds of two hours", () => overSeeds(2_000, 2), 240_000)
