// A gateway's paying load, to be killed: `node payingLoad.ts <ledger>`. Writes `paid <hold>` once a charge is durable, `held <hold>` once money is.
import { Effect, Layer } from "effect"
import { writeSync } from "node:fs"
import { Billing } from "../../src/billing/Billing.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { Settings } from "../../src/Settings.ts"
import { charge, hundred } from "./billing.ts"

const say = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))

const client = Effect.gen(function* () {
  const billing = yield* Billing
  for (;;) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const hold = yield* billing.reserve(hundred)
        yield* say(`held ${hold.id}`)
        yield* Effect.yieldNow
        yield* billing.settle(hold, { served: "MISS" })
        yield* say(`paid ${hold.id}`)
      }),
    )
    const hit = yield* charge(billing, hundred, { served: "HIT" })
    yield* say(`paid ${hit.holdId}`)
    yield* Effect.scoped(billing.reserve(hundred))
  }
})

const path = process.argv[2] ?? ""
const layers = Billing.layer.pipe(
  Layer.provide(SqliteLedger.layerAt({ path, currency: "usd" })),
  Layer.provide(Settings.layerTest({ holdTimeout: "10 seconds" })),
)

await Effect.runPromise(
  Effect.all(
    Array.from({ length: 8 }, () => client),
    {
      concurrency: "unbounded",
    },
  ).pipe(Effect.scoped, Effect.provide(layers)),
)
