import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { billingRoom, openWorld } from "../support/billing.ts"

const tooMuch = { kind: "speech", model: "magpie", characters: 2_000 } as const

it.effect("a request that is refused asks nothing more of the ledger", () =>
  Effect.gen(function* () {
    const world = yield* openWorld()
    const asked: Array<string> = []
    for (const name of ["reserve", "settle", "release"] as const) {
      world.faults.set(name, (run) =>
        Effect.andThen(
          Effect.sync(() => asked.push(name)),
          run,
        ),
      )
    }
    const refused = yield* Effect.flip(Effect.scoped(world.pays(world.billing.reserve(tooMuch))))
    assert.strictEqual(refused.reason._tag, "InsufficientQuota")
    assert.deepStrictEqual(asked, ["reserve"])
  }).pipe(Effect.provide(billingRoom)),
)
