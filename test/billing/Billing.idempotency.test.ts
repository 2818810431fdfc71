import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { BillingError } from "../../src/billing/BillingError.ts"
import { charge, answerLost, billingRoom, hundred, openWorld } from "../support/billing.ts"

const refusal = <A>(request: Effect.Effect<A, BillingError>) =>
  Effect.map(Effect.flip(request), (error) => error.reason._tag)

describe("idempotency keys", () => {
  it.effect("the same key with the same body charges once and replays the outcome", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const request = Effect.scoped(
        Effect.gen(function* () {
          const hold = yield* world.billing.reserve(hundred)
          const seen = [hold.replayed, hold.outcome]
          const settlement = yield* world.billing.settle(hold, { served: "MISS", outcome: '{"text":"first"}' })
          return [...seen, settlement.replayed]
        }),
      )
      assert.deepStrictEqual(yield* world.pays(request, "k"), [false, null, false])
      assert.deepStrictEqual(yield* world.pays(request, "k"), [true, '{"text":"first"}', true])
      assert.deepStrictEqual(
        yield* world
          .pays(charge(world.billing, hundred, { served: "HIT" }), "k")
          .pipe(Effect.map((s) => [s.amount, s.replayed])),
        [100, true],
      )
      assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("the same key with another body is refused", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      yield* world.pays(charge(world.billing, hundred, { served: "HIT" }), "k", "one body")
      const again = world.pays(charge(world.billing, hundred, { served: "HIT" }), "k", "another body")
      assert.strictEqual(yield* refusal(again), "IdempotencyConflict")
      assert.deepStrictEqual((yield* world.books).entries, ["charge -50"])
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a key is one account's own", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* openWorld(), yield* openWorld()]
      yield* one.pays(charge(one.billing, hundred, { served: "MISS" }), "k", "one body")
      yield* other.pays(charge(other.billing, hundred, { served: "MISS" }), "k", "another body")
      assert.strictEqual((yield* one.books).balance, 900)
      assert.strictEqual((yield* other.books).balance, 900)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("while the first is at work the second is refused, and leaves it alone", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const [begun, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const first = yield* Effect.gen(function* () {
        const hold = yield* world.billing.reserve(hundred)
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(go)
        return yield* world.billing.settle(hold, { served: "MISS" })
      }).pipe(Effect.scoped, (request) => world.pays(request, "k"), Effect.forkChild)
      yield* Deferred.await(begun)
      const second = world.pays(Effect.scoped(world.billing.reserve(hundred)), "k")
      assert.strictEqual(yield* refusal(second), "IdempotencyInProgress")
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* Fiber.join(first)).amount, 100)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a first that failed was not charged, so the key is free again, and then the next one's", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      yield* Effect.exit(
        world.pays(Effect.scoped(Effect.andThen(world.billing.reserve(hundred), Effect.fail("no"))), "k"),
      )
      const again = world.pays(charge(world.billing, hundred, { served: "MISS" }), "k")
      for (const replayed of [false, true]) assert.deepInclude(yield* again, { amount: 100, replayed })
      assert.deepStrictEqual((yield* world.books).entries, ["charge -100"])
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a first whose charge was paid back does not make the second free", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", answerLost(3))
      const first = yield* Effect.forkChild(
        Effect.exit(world.pays(charge(world.billing, hundred, { served: "MISS" }), "k")),
      )
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      assert.strictEqual((yield* world.books).balance, 1_000)
      yield* world.pays(charge(world.billing, hundred, { served: "MISS" }), "k")
      assert.strictEqual((yield* world.books).balance, 900)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a first that was killed blocks the key until its hold expires, and no longer", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const ask = { accountId: world.id, keyId: null, usage: hundred, idempotency: { key: "k", fingerprint: "body" } }
      yield* world.ledger.run("reserve", { ...ask, holdId: "orphan", now: 1, expiresAt: 900_000 })
      const again = world.pays(charge(world.billing, hundred, { served: "MISS" }), "k")
      assert.strictEqual(yield* refusal(again), "IdempotencyInProgress")
      yield* TestClock.adjust("15 minutes")
      yield* again
      assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
      assert.strictEqual(yield* world.stateOf("orphan"), "expired: its owner is gone")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a replayed request that is given up is not paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      yield* world.pays(charge(world.billing, hundred, { served: "MISS" }), "k")
      const scope = yield* Scope.make()
      const hold = yield* world.pays(world.billing.reserve(hundred).pipe(Scope.provide(scope)), "k")
      assert.isTrue(hold.replayed)
      yield* Scope.close(scope, Exit.fail("gave up"))
      assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  describe("when the first leaves while its charge is on its way back to it, and a second has been answered from it", () => {
    const both = Effect.gen(function* () {
      const world = yield* openWorld()
      const [made, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const request = Effect.flatMap(world.billing.reserve(hundred), (hold) =>
        world.billing.settle(hold, { served: "MISS" }),
      )
      world.faults.set("settle", (run) =>
        Effect.tap(run, () => Effect.andThen(Deferred.succeed(made, undefined), Deferred.await(answer))),
      )
      const first = yield* Effect.forkChild(world.pays(Effect.scoped(request), "k"))
      yield* Deferred.await(made)
      world.faults.clear()
      /** The first leaves, and is told so by the ledger's answer. */
      const firstLeaves = Effect.gen(function* () {
        const leaving = yield* Effect.forkChild(Fiber.interrupt(first))
        yield* Effect.yieldNow
        yield* Deferred.succeed(answer, undefined)
        yield* Fiber.join(leaving)
      })
      return { world, firstLeaves, second: request }
    })

    it.effect("the charge stands for the second", () =>
      Effect.gen(function* () {
        const { firstLeaves, second, world } = yield* both
        assert.isTrue((yield* world.pays(Effect.scoped(second), "k")).replayed)
        yield* firstLeaves
        assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
      }).pipe(Effect.provide(billingRoom)),
    )

    it.effect("and the second leaves too: it is paid back, once", () =>
      Effect.gen(function* () {
        const { firstLeaves, world } = yield* both
        const scope = yield* Scope.make()
        const hold = yield* world.pays(world.billing.reserve(hundred).pipe(Scope.provide(scope)), "k")
        assert.isTrue(hold.replayed)
        yield* firstLeaves
        assert.strictEqual((yield* world.books).balance, 900)
        yield* Scope.close(scope, Exit.fail("gave up"))
        assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -100", "refund 100"] })
      }).pipe(Effect.provide(billingRoom)),
    )

    it.effect("a third that comes after the first was paid back pays itself", () =>
      Effect.gen(function* () {
        const { firstLeaves, second, world } = yield* both
        yield* firstLeaves
        assert.isFalse((yield* world.pays(Effect.scoped(second), "k")).replayed)
        assert.strictEqual((yield* world.books).balance, 900)
      }).pipe(Effect.provide(billingRoom)),
    )
  })

  it.effect("what a request left is forgotten with its key, after 24 hours", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const request = Effect.flatMap(world.billing.reserve(hundred), (hold) =>
        Effect.as(world.billing.settle(hold, { served: "MISS", outcome: "a private text" }), hold.outcome),
      )
      yield* world.pays(Effect.scoped(request), "k")
      assert.strictEqual(yield* world.pays(Effect.scoped(request), "k"), "a private text")
      yield* TestClock.adjust("24 hours")
      assert.strictEqual(yield* world.pays(Effect.scoped(request), "k"), null)
      assert.deepStrictEqual((yield* world.books).entries, ["charge -100", "charge -100"])
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("what a request left is kept up to 1 MiB; a longer one is charged once all the same", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const request = (outcome: string) =>
        Effect.flatMap(world.billing.reserve(hundred), (hold) =>
          Effect.as(world.billing.settle(hold, { served: "MISS", outcome }), [hold.replayed, hold.outcome?.length]),
        ).pipe(Effect.scoped)
      for (const [key, length, kept] of [
        ["k", 1_048_576, 1_048_576],
        ["l", 1_048_577, undefined],
      ] as const) {
        yield* world.pays(request("x".repeat(length)), key)
        assert.deepStrictEqual(yield* world.pays(request(""), key), [true, kept])
      }
      assert.deepStrictEqual((yield* world.books).entries, ["charge -100", "charge -100"])
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("is forgotten after 24 hours", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      yield* world.pays(charge(world.billing, hundred, { served: "MISS" }), "k", "one body")
      yield* TestClock.adjust("24 hours")
      yield* world.pays(charge(world.billing, hundred, { served: "MISS" }), "k", "another body")
      assert.deepStrictEqual((yield* world.books).entries, ["charge -100", "charge -100"])
    }).pipe(Effect.provide(billingRoom)),
  )
})
