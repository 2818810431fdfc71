import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { Database } from "../../../src/database/Database.ts"
import { HealthError, NotRunning } from "../../../src/health/HealthError.ts"
import * as PostgresBudget from "../../../src/health/postgres/PostgresBudget.ts"
import { RestartBudget } from "../../../src/health/RestartBudget.ts"
import { Settings } from "../../../src/Settings.ts"
import { databaseAt } from "../../support/postgres.ts"
import { newDatabase } from "../../support/sharedPostgres.ts"

const long = { timeout: 60_000 }

/** The budget of one gateway. `stall` is waited for before its second transaction, in which a turn is begun: as if the process stood still. */
const gateway = Effect.fnUntraced(function* (
  url: string,
  { stall, begin }: { stall?: Effect.Effect<void>; begin?: number } = {},
) {
  let transactions = 0
  const stalling = Layer.effect(
    Database,
    Effect.map(Database, (database) =>
      Database.of({
        ...database,
        serialised: (work) =>
          Effect.suspend(() => (++transactions === 2 && stall !== undefined ? stall : Effect.void)).pipe(
            Effect.andThen(database.serialised(work)),
          ),
      }),
    ),
  )
  const database = databaseAt(url)
  const context = yield* Layer.build(
    PostgresBudget.layerAt(begin === undefined ? {} : { begin }).pipe(
      Layer.provide(stalling),
      Layer.provide(database),
      Layer.provide(Settings.layerTest()),
    ),
  )
  return Context.get(context, RestartBudget)
})

const tag = (exit: Exit.Exit<unknown, HealthError>) =>
  Exit.isFailure(exit) && exit.cause.reasons[0]?._tag === "Fail" ? exit.cause.reasons[0].error.reason._tag : "success"

it.live(
  "gateways that want to restart an engine at once restart it once, and three times in a window at most",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const gateways = yield* Effect.all([gateway(url), gateway(url), gateway(url)])
      let [running, most, restarts] = [0, 0, 0]
      const restart = Effect.gen(function* () {
        restarts++
        most = Math.max(most, ++running)
        yield* Effect.sleep("20 millis")
        running--
      })
      const tags: Array<string> = []
      for (let round = 0; round < 5; round++) {
        const exits = yield* Effect.all(
          gateways.map(({ use }) => Effect.exit(use("parakeet", "a test", restart))),
          { concurrency: 3 },
        )
        tags.push(...exits.map(tag))
      }
      assert.deepStrictEqual([most, restarts], [1, 3])
      assert.strictEqual(tags.filter((one) => one === "success").length, 3)
      assert.deepStrictEqual([...new Set(tags.slice(-3))], ["BudgetSpent"])
      for (const { status } of gateways) assert.deepInclude(yield* status("parakeet"), { limit: 3, left: 0 })
      assert.strictEqual((yield* gateways[0].status("magpie")).left, 3)
      yield* gateways[1].restore("parakeet", "a test")
      assert.strictEqual((yield* gateways[2].status("parakeet")).left, 3)
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "a gateway that stood still after it took its turn restarts nothing with it, whether or not another has had one since",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const [frozen, woken] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const stall = Effect.andThen(Deferred.succeed(frozen, undefined), Deferred.await(woken))
      const late = yield* gateway(url, { stall, begin: 300 })
      const other = yield* gateway(url, { begin: 300 })
      let lateRestarts = 0
      const waiting = yield* Effect.forkChild(
        Effect.exit(
          late.use(
            "parakeet",
            "a test",
            Effect.sync(() => void lateRestarts++),
          ),
        ),
      )
      yield* Deferred.await(frozen)
      // Until its turn is over, nobody else has one.
      yield* Effect.repeat(Effect.exit(other.use("parakeet", "a test", Effect.void)), {
        until: (exit) => Exit.isSuccess(exit) || tag(exit) !== "RestartUnderWay",
      })
      yield* Deferred.succeed(woken, undefined)
      const exit = yield* Fiber.join(waiting)
      assert.strictEqual(tag(exit), "RestartFailed")
      assert.match(String(Exit.isFailure(exit) && exit.cause), /turn 1 to restart it is over/)
      assert.strictEqual(lateRestarts, 0)
      // What never began counts for nothing.
      assert.strictEqual((yield* other.status("parakeet")).left, 2)
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "a restart that certainly did not happen costs nothing; one whose end nobody wrote down counts",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const one = yield* gateway(url)
      const refused = new HealthError({ reason: new NotRunning({ message: "exited" }) })
      yield* Effect.exit(one.use("parakeet", "a test", Effect.fail(refused)))
      assert.strictEqual((yield* one.status("parakeet")).left, 3)
      const under = yield* Deferred.make<void>()
      const cut = yield* Effect.forkChild(
        one.use("parakeet", "a test", Effect.andThen(Deferred.succeed(under, undefined), Effect.never)),
      )
      yield* Deferred.await(under)
      const other = yield* gateway(url)
      assert.strictEqual((yield* other.status("parakeet")).left, 2)
      assert.strictEqual(tag(yield* Effect.exit(other.use("parakeet", "a test", Effect.void))), "RestartUnderWay")
      yield* Fiber.interrupt(cut)
      assert.strictEqual((yield* other.status("parakeet")).left, 2)
      assert.isAtMost((yield* other.lastRestart("parakeet"))!, Date.now() + 60_000)
      yield* other.use("parakeet", "a test", Effect.void)
    }).pipe(Effect.scoped),
  long,
)
