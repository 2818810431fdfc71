import { assert, it } from "@effect/vitest"
import { type Context, Effect, Exit, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { makeUrgency } from "../../src/billing/Priority.ts"
import { Admission } from "../../src/health/Admission.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import type { JournalRecord } from "../../src/health/RestartJournal.ts"
import type { LiveSettings } from "../../src/LiveSettings.ts"
import { Settings } from "../../src/Settings.ts"
import { type Dice, makeDice } from "../support/dice.ts"
import { MoodyEngine, moods, powerOf, probesOf } from "../support/moodyEngine.ts"
import { healthRoom } from "../support/sickEngine.ts"

/** `FLEET_HISTORIES=10000` takes minutes; `FLEET_FIRST` is the seed of the first, for as many in pieces. */
const histories = Number(process.env["FLEET_HISTORIES"] ?? 150)
const first = Number(process.env["FLEET_FIRST"] ?? 1)

const windowMillis = 60_000
const limit = 2

const mostInWindow = (times: ReadonlyArray<number>) =>
  Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + windowMillis).length))

const settings = Settings.layerTest({
  restartLimit: String(limit),
  restartWindow: "1 minute",
  queueLength: "5",
  queueWait: "20 seconds",
  probeInterval: "20 seconds",
  probeTimeout: "2 seconds",
  recoveryTimeout: "10 seconds",
})

interface Told {
  readonly asked: Array<string>
  readonly fiber: Fiber.Fiber<Exit.Exit<unknown, unknown>>
  left: boolean
}

/** One call by whoever has whatever priority; `asked` are the engines that it reached, in their order. */
const call = Effect.fnUntraced(function* (dice: Dice, content: string) {
  const guard = yield* EngineGuard
  const { of } = yield* Fleet
  const asked: Array<string> = []
  const priority = dice.pick(["live", "normal", "bulk"] as const)
  const stream = guard.stream(
    "parakeet",
    (client) => {
      asked.push(of("parakeet").find((member) => member.client === client)!.id)
      return client.transcribe({ path: "", samples: 1 })
    },
    { content, urgency: makeUrgency(priority) },
  )
  const fiber = yield* Effect.forkChild(Effect.exit(Stream.runDrain(stream)))
  return { asked, fiber, left: false } satisfies Told
})

/** Three engines for two minutes, with what happens to them and who calls, all of it decided by the seed. */
const history = Effect.fnUntraced(function* (seed: number, read: Context.Context<Settings | LiveSettings>) {
  const dice = makeDice(seed)
  const engines = [1, 2, 3].map(() =>
    Object.assign(new MoodyEngine(), { callMillis: 100 + dice.below(1_500), restartMillis: dice.below(3_000) }),
  )
  const spared = dice.chance(0.5) ? dice.pick(engines) : undefined
  const resting = dice.chance(0.5) ? engines.find((engine) => engine !== spared) : undefined
  const journal: Array<JournalRecord> = []
  const calls: Array<Told> = []
  yield* Effect.gen(function* () {
    const admission = yield* Admission
    for (let second = 0; second < 120; second++) {
      for (const engine of engines) {
        if (engine !== spared && dice.chance(0.05)) engine.mood = dice.pick(moods)
      }
      // Now and then nobody calls for long enough that an engine is stopped.
      if (second % 60 < 30 && dice.chance(0.4)) calls.push(yield* call(dice, `${seed} ${second}`))
      const leaver = dice.chance(0.05)
        ? calls.find(({ fiber, left }) => !left && fiber.pollUnsafe() === undefined)
        : undefined
      if (leaver !== undefined) {
        leaver.left = true
        yield* Fiber.interrupt(leaver.fiber)
      }
      yield* TestClock.adjust(dice.pick([1_000, 1_000, 300]))
    }
    for (let step = 0; step < 12; step++) yield* TestClock.adjust(10_000)
    const forgotten = calls.filter(({ fiber }) => fiber.pollUnsafe() === undefined).length
    const waiting = yield* Effect.forEach(["parakeet-1", "parakeet-2", "parakeet-3"] as const, admission.waiting)
    const twice = calls.filter(({ asked }) => new Set(asked).size < asked.length).length
    const failed = spared === undefined ? 0 : yield* failures(calls)
    const beyond = engines.filter(({ restarts }) => mostInWindow(restarts) > limit).length
    const wrongs = engines.flatMap((engine) => engine.wrongs)
    assert.deepStrictEqual(
      { seed, forgotten, waiting, twice, failed, beyond, wrongs },
      { seed, forgotten: 0, waiting: [0, 0, 0], twice: 0, failed: 0, beyond: 0, wrongs: [] },
    )
  }).pipe(
    Effect.provide(
      healthRoom(engines[0]!, {
        others: engines.slice(1),
        readSettings: read,
        journal,
        scheduled: true,
        probe: probesOf(engines),
        power: powerOf(engines, (engine) => engine === resting),
      }),
    ),
  )
  const count = (of: (engine: MoodyEngine) => number) => engines.reduce((sum, engine) => sum + of(engine), 0)
  return {
    calls: calls.length,
    moved: calls.filter(({ asked }) => asked.length > 1).length,
    restarts: count(({ restarts }) => restarts.length),
    stops: count(({ stops }) => stops),
  }
})

/** Calls of those who stayed that were not answered. */
const failures = (calls: ReadonlyArray<Told>) =>
  Effect.map(
    Effect.forEach(
      calls.filter(({ left }) => !left),
      ({ fiber }) => Effect.map(Fiber.join(fiber), Exit.isFailure),
    ),
    (ended) => ended.filter(Boolean).length,
  )

it.effect(
  `${histories} random histories of three engines: no call twice on one, no restart beyond the budget, nobody forgotten, and none refused while one engine is well`,
  () =>
    Effect.gen(function* () {
      const read = yield* Effect.provide(Effect.context<Settings | LiveSettings>(), settings)
      const total = { calls: 0, moved: 0, restarts: 0, stops: 0 }
      for (let seed = first; seed < first + histories; seed++) {
        const seen = yield* history(seed, read)
        for (const name of ["calls", "moved", "restarts", "stops"] as const) total[name] += seen[name]
      }
      // A history in which nothing happens shows nothing.
      assert.isAbove(total.moved, histories / 2)
      assert.isAbove(total.restarts, histories / 2)
      assert.isAbove(total.stops, histories / 10)
      process.stdout.write(`${histories} histories: ${JSON.stringify(total)}`)
    }).pipe(Effect.provide(Logger.layer([]))),
  1_800_000,
)
