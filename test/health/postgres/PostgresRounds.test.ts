import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Queue, Scope } from "effect"
import type { ProbeReport } from "../../../src/health/EngineReport.ts"
import * as PostgresRounds from "../../../src/health/postgres/PostgresRounds.ts"
import { type News, Rounds } from "../../../src/health/EngineStates.ts"
import { databaseAt } from "../../support/postgres.ts"
import { newDatabase } from "../../support/sharedPostgres.ts"

const long = { timeout: 60_000 }

const gateway = (url: string, times: Parameters<typeof PostgresRounds.layerAt>[0] = {}) =>
  Effect.map(Layer.build(PostgresRounds.layerAt(times).pipe(Layer.provide(databaseAt(url)))), (context) =>
    Context.get(context, Rounds),
  )

const report = (detail: string, outcome: ProbeReport["outcome"] = "passed"): ProbeReport => ({
  engine: "parakeet",
  at: 1,
  durationMillis: 1,
  outcome,
  attempts: 1,
  detail,
})

it.live(
  "of gateways that want to examine an engine at once one does, and the others take what it finds",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const gateways = yield* Effect.all([gateway(url), gateway(url), gateway(url)])
      const begun = yield* Deferred.make<void>()
      const found = yield* Deferred.make<void>()
      let looks = 0
      const adopted: Array<string> = []
      const examine = ({ examine }: (typeof gateways)[number]) =>
        examine(
          "parakeet",
          Effect.gen(function* () {
            looks++
            yield* Deferred.succeed(begun, undefined)
            yield* Deferred.await(found)
            return report("found")
          }),
          ({ detail }) => Effect.sync(() => void adopted.push(detail)),
        )
      const first = yield* Effect.forkChild(examine(gateways[0]))
      yield* Deferred.await(begun)
      // Asked of the first by the others while it is at it.
      const wanted = yield* Queue.unbounded<string>()
      yield* gateways[0].requested((engine) => Effect.asVoid(Queue.offer(wanted, engine)))
      const others = yield* Effect.forkChild(Effect.all(gateways.slice(1).map(examine), { concurrency: 2 }))
      assert.deepStrictEqual(yield* Queue.takeN(wanted, 2), ["parakeet", "parakeet"])
      yield* Deferred.succeed(found, undefined)
      const reports = [yield* Fiber.join(first), ...(yield* Fiber.join(others))]
      assert.deepStrictEqual(
        reports.map(({ detail }) => detail),
        ["found", "found", "found"],
      )
      assert.deepStrictEqual([looks, adopted], [1, ["found", "found"]])
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "who falls silent loses the turn: its work is broken off, and another takes the engine over",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      // This one never renews in time.
      const silent = yield* gateway(url, { lease: 200, renewal: 600 })
      const other = yield* gateway(url, { watch: 50 })
      const [healing, takenOver] = [yield* Deferred.make<void>(), yield* Deferred.make<string>()]
      const lost = yield* Effect.forkChild(
        Effect.exit(silent.heal("parakeet", Effect.andThen(Deferred.succeed(healing, undefined), Effect.never))),
      )
      yield* Deferred.await(healing)
      yield* other.abandoned((engine) => Effect.asVoid(Deferred.succeed(takenOver, engine)))
      assert.strictEqual(yield* Deferred.await(takenOver), "parakeet")
      let healed = false
      yield* other.heal(
        "parakeet",
        Effect.sync(() => void (healed = true)),
      )
      assert.isTrue(healed)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(lost)))
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "while one heals, another that would does not; after the first has gone it may at once",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const scope = yield* Scope.make()
      const one = yield* gateway(url).pipe(Scope.provide(scope))
      const other = yield* gateway(url)
      const healing = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        one.heal("parakeet", Effect.andThen(Deferred.succeed(healing, undefined), Effect.never)),
      )
      yield* Deferred.await(healing)
      let healed = 0
      const heal = other.heal(
        "parakeet",
        Effect.sync(() => void healed++),
      )
      yield* heal
      assert.strictEqual(healed, 0)
      yield* Fiber.interrupt(fiber)
      yield* Scope.close(scope, Exit.void)
      yield* heal
      assert.strictEqual(healed, 1)
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "what happens to an engine is told to all others, and to who begins later",
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const [one, other] = yield* Effect.all([gateway(url), gateway(url)])
      const listening = Effect.fnUntraced(function* (rounds: typeof other) {
        const heard = yield* Queue.unbounded<News>()
        yield* rounds.hear((news) => Effect.asVoid(Queue.offer(heard, news)))
        return heard
      })
      const [own, heard] = [yield* listening(one), yield* listening(other)]
      const wedged: News = { engine: "parakeet", event: "wedged", reason: "CUDA error" }
      // Until the other listens at all.
      yield* Effect.repeat(Effect.andThen(one.tell(wedged), Effect.sleep(20)), {
        until: () => Queue.sizeUnsafe(heard) > 0,
      })
      assert.deepInclude(yield* Queue.take(heard), wedged)
      // Only it cannot reach the engine, perhaps.
      yield* one.tell({ ...wedged, event: "unreachable" })
      yield* one.tell({ ...wedged, event: "restarting" })
      yield* Effect.repeat(
        Effect.map(Queue.take(heard), ({ event }) => event),
        { until: (event) => event !== "wedged" },
      ).pipe(Effect.map((event) => assert.strictEqual(event, "restarting")))
      const late = yield* Effect.flatMap(gateway(url), listening)
      assert.deepStrictEqual(
        (yield* Queue.takeN(late, 2)).map(({ event }) => event),
        ["wedged", "restarting"],
      )
      assert.isTrue((yield* Queue.clear(own)).every(({ event }) => event !== "unreachable"))
    }).pipe(Effect.scoped),
  long,
)
