import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Access, type Caller } from "../../../src/billing/Access.ts"
import { noLimits } from "../../../src/billing/ApiKey.ts"
import { usualPriority } from "../../../src/billing/Priority.ts"
import * as SharedCounters from "../../../src/billing/postgres/SharedCounters.ts"
import * as SqliteLedger from "../../../src/billing/sqlite/SqliteLedger.ts"
import { Settings } from "../../../src/Settings.ts"
import { refusal } from "../../support/ledgers.ts"
import { databaseAt } from "../../support/postgres.ts"
import { newDatabase } from "../../support/sharedPostgres.ts"

const long = { timeout: 60_000 }

/** So many gateways' doors, on one database. */
const doors = Effect.fnUntraced(function* (count: number) {
  const url = yield* newDatabase
  const one = Access.layer.pipe(
    Layer.provide(SharedCounters.layer),
    Layer.provide(databaseAt(url)),
    Layer.provide([SqliteLedger.layerMemory, Settings.layerTest()]),
    Layer.fresh,
  )
  return yield* Effect.forEach(Array.from({ length: count }), () =>
    Effect.map(Layer.build(one), (context) => Context.get(context, Access)),
  )
})

const caller = (limits: Partial<Caller["limits"]>): Caller => ({
  accountId: "a",
  keyId: "k",
  limits: { ...noLimits, ...limits },
  priority: usualPriority,
})

it.live(
  "all gateways together let in as many requests a minute as the key may, and no more",
  () =>
    Effect.gen(function* () {
      const three = yield* doors(3)
      const of = caller({ requestsPerMinute: 100 })
      const began = performance.now()
      const asked = Array.from({ length: 300 }, (_, index) => Effect.exit(three[index % 3]!.admit(of, 0)))
      const exits = yield* Effect.all(asked, { concurrency: 30 })
      const admitted = exits.filter(({ _tag }) => _tag === "Success").length
      // What refills meanwhile, on a slow machine, is a request each 600 ms.
      assert.isAtMost(admitted, 100 + Math.ceil((performance.now() - began) / 600))
      assert.isAtLeast(admitted, 100 - 2 * 5)
      const one = yield* refusal(Effect.forever(three[0]!.admit(of, 0)))
      assert.deepInclude(one, { _tag: "RateLimited", limit: "requests", max: 100 })
      assert.strictEqual((yield* three[1]!.allowances(of)).requests?.limit, 100)
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "characters count for all gateways; a text above the limit is told so, and one that comes too early how long to wait",
  () =>
    Effect.gen(function* () {
      const [one, other] = yield* doors(2)
      const of = caller({ charactersPerMinute: 1_000 })
      yield* one!.admit(of, 600)
      const early = yield* refusal(other!.admit(of, 600))
      assert.deepInclude(early, { _tag: "RateLimited", limit: "characters", max: 1_000 })
      // 200 are missing, of which one comes each 60 ms.
      if (early._tag === "RateLimited") assert.isAtMost(early.retryAfterMs, 12_000)
      assert.deepInclude(yield* refusal(other!.admit(of, 1_001)), { _tag: "TextAboveLimit", max: 1_000 })
      yield* other!.admit(of, 300)
      yield* one!.unadmit(of, 600)
    }).pipe(Effect.scoped),
  long,
)
