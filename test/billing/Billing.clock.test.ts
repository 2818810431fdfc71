import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { billingRoom, hundred, openWorld, request } from "../support/billing.ts"
import { withWallClock } from "../support/wallClock.ts"

const aYear = 365 * 86_400_000

it.effect("a hold whose owner is at work does not expire when the clock is set ahead", () =>
  withWallClock((set) =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const done = yield* Deferred.make<void>()
      const { fiber, holdId } = yield* request(world, Deferred.await(done))
      const id = yield* holdId
      set(aYear)
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual(yield* world.stateOf(id), "held")
      yield* Deferred.succeed(done, undefined)
      assert.deepInclude(yield* Fiber.join(fiber), { amount: 100 })
    }).pipe(Effect.provide(billingRoom)),
  ),
)

it.effect(
  "money that was held while the clock ran ahead, by a gateway that died, is free a hold's time after it is right",
  () =>
    withWallClock((set) =>
      Effect.gen(function* () {
        set(aYear)
        const world = yield* openWorld()
        const orphan = { holdId: "orphan", accountId: world.id, keyId: null, usage: hundred, idempotency: null }
        yield* world.ledger.run("reserve", { ...orphan, now: aYear, expiresAt: aYear + 15 * 60_000 })
        set(0)
        yield* TestClock.adjust("14 minutes")
        assert.strictEqual(yield* world.stateOf("orphan"), "held")
        yield* TestClock.adjust("3 minutes")
        assert.strictEqual(yield* world.stateOf("orphan"), "expired: its owner is gone")
      }).pipe(Effect.provide(billingRoom)),
    ),
)
