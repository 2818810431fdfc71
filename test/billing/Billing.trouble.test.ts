import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { charge, answerLost, billingRoom, down, hundred, openWorld, request } from "../support/billing.ts"

const untouched = { balance: 1_000, held: 0, entries: [] as Array<string> }

describe("a ledger in trouble", () => {
  it.effect("at reserve: the request is refused and nothing is done", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("reserve", down("full"))
      const { fiber } = yield* request(world, Effect.die("an engine was touched"))
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(error, { _tag: "BillingError" })
      assert.deepStrictEqual(yield* world.books, untouched)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("at reserve, where the answer is lost: the hold that was made is released", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("reserve", answerLost(1))
      yield* Effect.flip(Fiber.join((yield* request(world)).fiber))
      assert.deepStrictEqual(yield* world.books, untouched)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("whatever the ledger could not say, the next request waits for its hold", () =>
    Effect.gen(function* () {
      const world = yield* openWorld({ kind: "metered", monthlyCap: null })
      const { billing, faults } = world
      const isSure = world.pays(billing.isSure(hundred))
      const known = Effect.andThen(Effect.scoped(billing.reserve(hundred)), billing.isSure(hundred))
      const reserve = Effect.asVoid(billing.reserve(hundred))
      const atOnce = Effect.asVoid(billing.charge(hundred, "HIT"))
      for (const [name, kind, work] of [
        ["reserve", "failed", reserve],
        ["reserve", "lost", reserve],
        ["charge", "failed", atOnce],
        ["charge", "lost", atOnce],
      ] as const) {
        assert.isTrue(yield* world.pays(known))
        faults.set(name, down(kind))
        const failing = yield* Effect.forkChild(Effect.flip(Effect.scoped(world.pays(work))))
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(failing)).reason._tag, "LedgerUnavailable")
        assert.isFalse(yield* isSure)
        faults.clear()
      }
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("at settle: settle fails and the hold is released", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", down("full"))
      const { fiber, holdId } = yield* request(world)
      yield* Effect.flip(Fiber.join(fiber))
      assert.deepStrictEqual(yield* world.books, untouched)
      assert.strictEqual(yield* world.stateOf(yield* holdId), "released: failed")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("at settle and at release: it is released within two seconds of the ledger being back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", down()).set("release", down())
      yield* Effect.flip(Fiber.join((yield* request(world)).fiber))
      assert.strictEqual((yield* world.books).held, 100)
      world.faults.clear()
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* world.books, untouched)
      let more = 0
      world.faults.set("release", (run) =>
        Effect.andThen(
          Effect.sync(() => more++),
          run,
        ),
      )
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(more, 0)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("an answer that is lost: settle asks again, and one charge stands", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", answerLost(2))
      const { fiber } = yield* request(world)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).amount, 100)
      assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("answers that stay lost: settle fails, and a charge that was made is paid back once", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", answerLost(9))
      const { fiber, holdId } = yield* request(world)
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(Fiber.join(fiber))
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -100", "refund 100"] })
      world.faults.clear()
      const again = yield* Effect.flip(
        world.ledger.run("settle", { holdId: yield* holdId, served: "MISS", outcome: null, now: 0 }),
      )
      assert.deepInclude(again.reason, { _tag: "AlreadyReleased", how: "refunded" })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("answers that stay lost, and the ledger cannot pay back: the reaper does when it is back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", answerLost(9)).set("release", down())
      const { fiber } = yield* request(world)
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual((yield* world.books).balance, 900)
      world.faults.clear()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -100", "refund 100"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("settling again without an answer does not pay back what was settled before", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      yield* Effect.gen(function* () {
        const hold = yield* world.billing.reserve(hundred)
        yield* world.billing.settle(hold, { served: "MISS" })
        world.faults.set("settle", answerLost(9))
        const again = yield* Effect.forkChild(Effect.flip(world.billing.settle(hold, { served: "MISS" })))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(again)
      }).pipe(Effect.scoped, world.pays)
      assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a hit whose answer stays lost is paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", answerLost(9)).set("release", down())
      const fiber = yield* Effect.forkChild(world.pays(charge(world.billing, hundred, { served: "HIT" })))
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual((yield* world.books).balance, 950)
      world.faults.clear()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -50", "refund 50"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect.each(["locked", "full", "overloaded", "failed"] as const)(
    "a hit whose answer is lost, and the ledger then %s: it is paid back",
    (kind) =>
      Effect.gen(function* () {
        const world = yield* openWorld()
        let asked = 0
        world.faults.set("settle", (run) => (asked++ === 0 ? answerLost(1)(run) : down(kind)(run)))
        const fiber = yield* Effect.forkChild(world.pays(charge(world.billing, hundred, { served: "HIT" })))
        yield* TestClock.adjust("1 second")
        yield* Effect.flip(Fiber.join(fiber))
        assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -50", "refund 50"] })
      }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a client that leaves while a hit whose answer was lost is asked for again: it is paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", answerLost(1))
      const fiber = yield* Effect.forkChild(world.pays(charge(world.billing, hundred, { served: "HIT" })))
      yield* TestClock.adjust("100 millis")
      const leaving = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -50", "refund 50"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a charge that could not be paid back when the gateway stops: it is tried once more", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(billingRoom, scope)
      const world = yield* openWorld().pipe(Effect.provide(context))
      world.faults.set("settle", answerLost(9)).set("release", down("locked"))
      const fiber = yield* Effect.forkChild(world.pays(charge(world.billing, hundred, { served: "HIT" })))
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(Fiber.join(fiber))
      world.faults.clear()
      const asked: Array<string> = []
      world.faults.set("release", (run) =>
        Effect.tap(run, (done) => Effect.sync(() => asked.push(JSON.stringify(done)))),
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(asked, ['{"done":"refunded"}'])
    }),
  )

  it.effect("when a client leaves: its share is charged once the ledger is back, and once only", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const scope = yield* Scope.make()
      const hold = yield* world.pays(Scope.provide(world.billing.reserve(hundred), scope))
      world.faults.set("settle", answerLost(1))
      yield* world.billing.left(hold, { served: "MISS", handed: 1, of: 4 })
      yield* Scope.close(scope, Exit.interrupt())
      world.faults.set("settle", down("locked"))
      yield* TestClock.adjust("3 minutes")
      world.faults.clear()
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(yield* world.books, { balance: 975, held: 0, entries: ["charge -25"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("while what is due is looked for: it is looked for again", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const orphan = { accountId: world.id, keyId: null, usage: hundred, idempotency: null, now: 1, expiresAt: 2 }
      yield* world.ledger.run("reserve", { ...orphan, holdId: "orphan" })
      world.faults.set("reap", down("locked"))
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual(yield* world.stateOf("orphan"), "held")
      world.faults.clear()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* world.stateOf("orphan"), "expired: its owner is gone")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("while a hold is renewed: it is kept and renewed later", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const scope = yield* Scope.make()
      const hold = yield* world.pays(world.billing.reserve(hundred).pipe(Scope.provide(scope)))
      world.faults.set("renew", down("locked"))
      yield* TestClock.adjust("6 minutes")
      world.faults.clear()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* world.billing.settle(hold, { served: "MISS" })).amount, 100)
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.provide(billingRoom)),
  )
})
