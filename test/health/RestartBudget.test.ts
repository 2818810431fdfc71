import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { HealthError, JournalFailed, NotRunning, RestartFailed } from "../../src/health/HealthError.ts"
import { permitsOut, RestartBudget } from "../../src/health/RestartBudget.ts"
import { type JournalRecord, RestartJournal } from "../../src/health/RestartJournal.ts"
import { Settings } from "../../src/Settings.ts"
import { fleetOf, testFleet } from "../support/fleet.ts"

const budget = (records: Array<JournalRecord> = []) =>
  RestartBudget.layer.pipe(Layer.provide([RestartJournal.layerMemory(records), testFleet, Settings.layerTest()]))

const spend = Effect.flatMap(RestartBudget, ({ use }) => use("parakeet", "a test", Effect.void))
const left = Effect.flatMap(RestartBudget, ({ status }) => Effect.map(status("parakeet"), (status) => status.left))
const tag = (exit: Exit.Exit<unknown, HealthError>) =>
  Exit.isFailure(exit) && exit.cause.reasons[0]?._tag === "Fail" ? exit.cause.reasons[0].error.reason._tag : "success"

it.effect("three, and a fourth 30 minutes after the first", () =>
  Effect.gen(function* () {
    yield* spend
    yield* TestClock.adjust("10 minutes")
    yield* spend
    yield* spend
    const refused = yield* Effect.flip(spend)
    assert.deepInclude(refused.reason, { _tag: "BudgetSpent", limit: 3, availableAtMillis: 30 * 60_000 })
    yield* TestClock.adjust("19 minutes")
    assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
    yield* TestClock.adjust("1 minute")
    yield* spend
    assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
    assert.strictEqual((yield* (yield* RestartBudget).status("magpie")).left, 3)
  }).pipe(Effect.provide(budget())),
)

it.effect("the window begins when the restart is over", () =>
  Effect.gen(function* () {
    const { use } = yield* RestartBudget
    const slow = yield* Effect.forkChild(
      Effect.all(
        [1, 2, 3].map(() => use("parakeet", "slow", Effect.sleep("1 minute"))),
        { concurrency: 3 },
      ),
    )
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(slow)
    yield* TestClock.adjust("29 minutes")
    assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
    yield* TestClock.adjust("1 minute")
    yield* spend
  }).pipe(Effect.provide(budget())),
)

it.effect("a restart that cannot have happened costs nothing, any other does", () =>
  Effect.gen(function* () {
    const { use } = yield* RestartBudget
    const failing = (reason: HealthError["reason"]) =>
      Effect.exit(use("parakeet", "a test", Effect.fail(new HealthError({ reason }))))
    yield* failing(new NotRunning({ message: "exited" }))
    yield* failing(new RestartFailed({ message: "no such socket", attempted: false }))
    assert.strictEqual(yield* left, 3)
    yield* failing(new RestartFailed({ message: "timed out", attempted: true }))
    assert.strictEqual(yield* left, 2)
    yield* Effect.exit(use("parakeet", "a test", Effect.die("a defect")))
    assert.strictEqual(yield* left, 1)
    const cut = yield* Effect.forkChild(use("parakeet", "a test", Effect.never))
    yield* TestClock.adjust(0)
    yield* Fiber.interrupt(cut)
    assert.strictEqual(yield* left, 0)
    yield* TestClock.adjust("30 minutes")
    assert.strictEqual(yield* left, 3)
    yield* Effect.all([spend, spend, spend])
  }).pipe(Effect.provide(budget())),
)

it.effect("the next gateway starts with what is left", () =>
  Effect.gen(function* () {
    const records: Array<JournalRecord> = []
    yield* Effect.andThen(spend, spend).pipe(Effect.provide(budget(records)))
    yield* TestClock.adjust("10 minutes")
    yield* Effect.gen(function* () {
      assert.strictEqual(yield* left, 1)
      yield* spend
      assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
      yield* TestClock.adjust("20 minutes")
      yield* Effect.andThen(spend, spend)
      assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
    }).pipe(Effect.provide(budget(records)))
  }),
)

it.effect("a restart whose end nobody wrote down counts for its time limit longer", () =>
  Effect.gen(function* () {
    const records: Array<JournalRecord> = [1, 2, 3].map((n) => ({
      type: "claimed",
      id: `${n}`,
      engine: "parakeet",
      at: 0,
      reason: "killed meanwhile",
    }))
    yield* Effect.gen(function* () {
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
      yield* TestClock.adjust("1 minute")
      yield* Effect.all([spend, spend, spend])
    }).pipe(Effect.provide(budget(records)))
  }),
)

it.effect("gateways with one journal share one budget, though each has all its own permits", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const records: Array<JournalRecord> = []
      const gateways = yield* Effect.forEach(Array.from({ length: 5 }), () => Layer.build(Layer.fresh(budget(records))))
      const exits = yield* Effect.forEach(
        [...gateways, ...gateways],
        (gateway) => Effect.exit(spend.pipe(Effect.provideContext(gateway))),
        { concurrency: "unbounded" },
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 3)
    }),
  ),
)

it.effect("each engine has restarts of its own, as one of several of its kind too", () =>
  Effect.gen(function* () {
    const { status, use } = yield* RestartBudget
    for (const _ of [1, 2, 3]) yield* use("parakeet-1", "a test", Effect.void)
    assert.strictEqual(tag(yield* Effect.exit(use("parakeet-1", "a test", Effect.void))), "BudgetSpent")
    yield* use("parakeet-2", "a test", Effect.void)
    const left = yield* Effect.forEach(["parakeet-1", "parakeet-2"] as const, status)
    assert.deepStrictEqual(
      left.map((one) => one.left),
      [0, 2],
    )
  }).pipe(
    Effect.provide(RestartBudget.layer.pipe(Layer.provide([RestartJournal.layerMemory(), fleetOf([{}, {}])]))),
    Effect.provide(Settings.layerTest()),
  ),
)

it.effect("whoever waits for a permit gets on when one is back, or restored", () =>
  Effect.gen(function* () {
    const { awaitPermit, restore } = yield* RestartBudget
    yield* Effect.all([spend, spend, spend])
    const first = yield* Effect.forkChild(awaitPermit("parakeet"))
    yield* TestClock.adjust("29 minutes")
    assert.isUndefined(first.pollUnsafe())
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(first)

    yield* Effect.all([spend, spend, spend])
    const second = yield* Effect.forkChild(awaitPermit("parakeet"))
    yield* TestClock.adjust("1 minute")
    assert.isUndefined(second.pollUnsafe())
    yield* restore("parakeet", "the driver was updated")
    yield* Fiber.join(second)
    assert.strictEqual(yield* left, 3)
    // What was given back by hand does not come back a second time.
    yield* Effect.all([spend, spend, spend])
    yield* TestClock.adjust("29 minutes")
    assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
  }).pipe(Effect.provide(budget()), Effect.provide(Logger.layer([]))),
)

it.effect("without its journal nothing is restarted", () =>
  Effect.gen(function* () {
    const broken = Effect.fail(new HealthError({ reason: new JournalFailed({ message: "ENOSPC" }) }))
    const journal = Layer.succeed(RestartJournal, { append: () => broken, read: broken })
    const restarted = yield* Deferred.make<void>()
    yield* Effect.gen(function* () {
      const { use } = yield* RestartBudget
      for (let n = 0; n < 4; n++) {
        assert.strictEqual(
          tag(yield* Effect.exit(use("parakeet", "a test", Deferred.succeed(restarted, undefined)))),
          "JournalFailed",
        )
      }
    }).pipe(
      Effect.provide(RestartBudget.layer.pipe(Layer.provide([journal, testFleet, Settings.layerTest()]))),
      Effect.provide(Logger.layer([])),
    )
    assert.isFalse(yield* Deferred.isDone(restarted))
  }),
)

it.effect("restarts of a time to come, when the clock ran ahead, lock the budget for one window and no longer", () => {
  const aYear = 365 * 86_400_000
  const ahead = (["1", "2", "3"] as const).flatMap((id): Array<JournalRecord> => [
    { type: "claimed", id, engine: "parakeet", at: aYear, reason: "" },
    { type: "ended", id, engine: "parakeet", at: aYear },
  ])
  return Effect.gen(function* () {
    assert.strictEqual(yield* left, 0)
    yield* TestClock.adjust("10 minutes")
    assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
    // A restart that nobody wrote the end of may have taken 2 minutes of its own.
    yield* TestClock.adjust("22 minutes")
    assert.strictEqual(yield* left, 3)
    yield* Effect.all([spend, spend, spend])
    assert.strictEqual(tag(yield* Effect.exit(spend)), "BudgetSpent")
  }).pipe(Effect.provide(budget(ahead)), Effect.provide(Logger.layer([])))
})

it("a clock that was set back locks the budget no longer than a restart just begun would", () => {
  const rules = { limit: 1, windowMillis: 1_000, unendedMillis: 100 }
  const ahead: JournalRecord = { type: "claimed", id: "1", engine: "parakeet", at: 1_000_000, reason: "" }
  assert.deepStrictEqual([...permitsOut([ahead], "parakeet", rules, 5_000)], [["1", 6_100]])
})
