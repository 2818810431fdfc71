import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Served } from "../../src/billing/Usage.ts"
import { answerLost, billingRoom, down, hundred, LedgerFaults, openWorld } from "../support/billing.ts"

const untouched = { balance: 1_000, held: 0, entries: [] as Array<string> }

/** A request that reserves, works, settles; answers with the id of its hold. */
const request = Effect.fnUntraced(function* (
  world: Effect.Success<ReturnType<typeof openWorld>>,
  work: Effect.Effect<unknown, unknown> = Effect.void,
  served: Served = "MISS",
) {
  const holdId = yield* Deferred.make<string>()
  const run = Effect.gen(function* () {
    const hold = yield* world.billing.reserve(hundred)
    yield* Deferred.succeed(holdId, hold.id)
    yield* work
    return yield* world.billing.settle(hold, { served })
  }).pipe(Effect.scoped, world.pays)
  return { holdId: Deferred.await(holdId), fiber: yield* Effect.forkChild(run) }
})

describe("what is charged", () => {
  it.effect("a success: the full price, once", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const { fiber, holdId } = yield* request(world)
      const settlement = yield* Fiber.join(fiber)
      assert.deepStrictEqual([settlement.amount, settlement.balance, settlement.replayed], [100, 900, false])
      assert.deepStrictEqual(yield* world.books, { balance: 900, held: 0, entries: ["charge -100"] })
      assert.strictEqual(yield* world.stateOf(yield* holdId), "settled")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a hit and a follower: their share", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const hit = yield* world.pays(world.billing.charge(hundred, { served: "HIT" }))
      assert.deepStrictEqual([hit.amount, hit.balance], [50, 950])
      yield* Fiber.join((yield* request(world, Effect.void, "COALESCED")).fiber)
      assert.deepStrictEqual(yield* world.books, { balance: 925, held: 0, entries: ["charge -50", "charge -25"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect(
    "a client that leaves before the money is reserved: nothing, even when the ledger reserves it after all",
    () =>
      Effect.gen(function* () {
        const world = yield* openWorld()
        const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        world.faults.set("reserve", (run) =>
          Effect.andThen(
            run,
            Effect.andThen(Deferred.succeed(asked, undefined), Effect.as(Deferred.await(answer), null)),
          ),
        )
        const { fiber } = yield* request(world)
        yield* Deferred.await(asked)
        assert.strictEqual((yield* world.books).held, 100)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* world.books, untouched)
      }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a client that leaves meanwhile: nothing", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const { fiber, holdId } = yield* request(world, Effect.never)
      const id = yield* holdId
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* world.books, untouched)
      assert.strictEqual(yield* world.stateOf(id), "released: abandoned")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a client that leaves while the charge is on its way to the disk: it is paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      world.faults.set("settle", (run) =>
        Effect.tap(run, () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))),
      )
      const { fiber } = yield* request(world)
      yield* Deferred.await(asked)
      const leaving = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Effect.yieldNow
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(leaving)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -100", "refund 100"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a client that leaves while a hit is being charged: it is paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      world.faults.set("charge", (run) =>
        Effect.tap(run, () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))),
      )
      const fiber = yield* Effect.forkChild(world.pays(world.billing.charge(hundred, { served: "HIT" })))
      yield* Deferred.await(asked)
      const leaving = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Effect.yieldNow
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -50", "refund 50"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("an engine that fails, or audio that is judged incomplete: nothing", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const { fiber, holdId } = yield* request(world, Effect.fail("the engine broke off"))
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(yield* world.books, untouched)
      assert.strictEqual(yield* world.stateOf(yield* holdId), "released: failed")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a request that runs out of time: nothing", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const { fiber, holdId } = yield* request(world, Effect.timeout(Effect.never, "2 minutes"))
      const id = yield* holdId
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(yield* world.books, untouched)
      assert.strictEqual(yield* world.stateOf(id), "released: failed")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a request that ends without settling: nothing", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const hold = yield* world.pays(Effect.scoped(world.billing.reserve(hundred)))
      assert.deepStrictEqual(yield* world.books, untouched)
      assert.strictEqual(yield* world.stateOf(hold.id), "released: not settled")
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a gateway that is killed: nothing, once the hold has expired", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const now = 1
      // As a gateway leaves it that nobody renews and releases for.
      const ask = { holdId: "orphan", accountId: world.id, keyId: null, usage: hundred, idempotency: null }
      yield* world.ledger.run("reserve", { ...ask, now, expiresAt: now + 900_000 })
      yield* TestClock.adjust("14 minutes")
      assert.deepStrictEqual(yield* world.books, { ...untouched, held: 100 })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* world.books, untouched)
      assert.strictEqual(yield* world.stateOf("orphan"), "expired: its owner is gone")
    }).pipe(Effect.provide(billingRoom)),
  )
})

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

  it.effect("at settle and at release: the reaper releases when the ledger is back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", down()).set("release", down())
      yield* Effect.flip(Fiber.join((yield* request(world)).fiber))
      assert.strictEqual((yield* world.books).held, 100)
      world.faults.clear()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* world.books, untouched)
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

  it.effect("a hit whose answer stays lost is paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("charge", answerLost(9)).set("release", down())
      const fiber = yield* Effect.forkChild(world.pays(world.billing.charge(hundred, { served: "HIT" })))
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
        world.faults.set("charge", (run) => (asked++ === 0 ? answerLost(1)(run) : down(kind)(run)))
        const fiber = yield* Effect.forkChild(world.pays(world.billing.charge(hundred, { served: "HIT" })))
        yield* TestClock.adjust("1 second")
        yield* Effect.flip(Fiber.join(fiber))
        assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -50", "refund 50"] })
      }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a client that leaves while a hit whose answer was lost is asked for again: it is paid back", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("charge", answerLost(1))
      const fiber = yield* Effect.forkChild(world.pays(world.billing.charge(hundred, { served: "HIT" })))
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
      world.faults.set("charge", answerLost(9)).set("release", down("locked"))
      const fiber = yield* Effect.forkChild(world.pays(world.billing.charge(hundred, { served: "HIT" })))
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

describe("faults of the origin system", () => {
  it.effect("settling again answers as the first time, also when less than the hold was charged", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const hold = yield* world.billing.reserve(hundred)
          const first = yield* world.billing.settle(hold, { served: "COALESCED" })
          const second = yield* world.billing.settle(hold, { served: "MISS" })
          assert.deepStrictEqual(second, { ...first, replayed: true })
        }),
      ).pipe(world.pays)
      assert.deepStrictEqual(yield* world.books, { balance: 975, held: 0, entries: ["charge -25"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a cancelled request leaks no hold: what it held can be spent at once", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const everything = { ...hundred, characters: 1_000 }
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Effect.andThen(world.billing.reserve(everything), Effect.never)).pipe(world.pays),
      )
      yield* TestClock.adjust(0)
      const error = yield* Effect.flip(world.pays(world.billing.charge(hundred, { served: "MISS" })))
      assert.deepInclude(error.reason, { _tag: "InsufficientQuota", available: 0, needed: 100 })
      yield* Fiber.interrupt(fiber)
      yield* world.pays(world.billing.charge(everything, { served: "MISS" }))
      assert.deepStrictEqual(yield* world.books, { balance: 0, held: 0, entries: ["charge -1000"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a settle that fails gives neither free audio nor a charge for none: whoever asks next pays", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      world.faults.set("settle", down())
      yield* Effect.flip(Fiber.join((yield* request(world)).fiber))
      world.faults.clear()
      assert.deepStrictEqual(yield* world.books, untouched)
      // The file was committed before, so this one is a hit.
      yield* world.pays(world.billing.charge(hundred, { served: "HIT" }))
      assert.deepStrictEqual(yield* world.books, { balance: 950, held: 0, entries: ["charge -50"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("a hold outlives its time for as long as its owner works", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const { fiber, holdId } = yield* request(world, Effect.sleep("2 hours"))
      const id = yield* holdId
      yield* TestClock.adjust("119 minutes")
      assert.strictEqual(yield* world.stateOf(id), "held")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).amount, 100)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("every way to pay is all or nothing: a hit that cannot be charged leaves no hold", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const tooMuch = { ...hundred, characters: 1_001 }
      const error = yield* Effect.flip(world.pays(world.billing.charge(tooMuch, { served: "MISS" })))
      assert.deepInclude(error.reason, { _tag: "InsufficientQuota" })
      assert.deepStrictEqual(yield* world.books, untouched)
    }).pipe(Effect.provide(billingRoom)),
  )

  it.effect("ended holds and old idempotency keys do not pile up", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const { fiber, holdId } = yield* request(world)
      yield* Fiber.join(fiber)
      const id = yield* holdId
      yield* world.ledger.run("reap", { now: 29 * 86_400_000, limit: 10 })
      assert.strictEqual(yield* world.stateOf(id), "settled")
      yield* world.ledger.run("reap", { now: 31 * 86_400_000, limit: 10 })
      assert.strictEqual(yield* world.stateOf(id), "none")
      assert.deepStrictEqual((yield* world.books).entries, ["charge -100"])
    }).pipe(Effect.provide(billingRoom)),
  )
})

it.effect("a payer that nobody named is the anonymous account, which pays later", () =>
  Effect.gen(function* () {
    const world = yield* openWorld()
    yield* LedgerFaults
    yield* world.billing.charge(hundred, { served: "MISS" })
    assert.strictEqual((yield* world.billing.account("anonymous")).balance, -100)
  }).pipe(Effect.provide(billingRoom)),
)
