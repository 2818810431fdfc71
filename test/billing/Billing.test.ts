import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Layer, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import { Settings } from "../../src/Settings.ts"
import * as Metrics from "../../src/telemetry/Metrics.ts"
import {
  charge,
  answerLost,
  billingRoom,
  down,
  faultyLedger,
  hundred,
  LedgerFaults,
  openWorld,
  request,
} from "../support/billing.ts"

const untouched = { balance: 1_000, held: 0, entries: [] as Array<string> }

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
      const hit = yield* world.pays(charge(world.billing, hundred, { served: "HIT" }))
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
      world.faults.set("settle", (run) =>
        Effect.tap(run, () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))),
      )
      const fiber = yield* Effect.forkChild(world.pays(charge(world.billing, hundred, { served: "HIT" })))
      yield* Deferred.await(asked)
      const leaving = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* Effect.yieldNow
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(yield* world.books, { balance: 1_000, held: 0, entries: ["charge -50", "refund 50"] })
    }).pipe(Effect.provide(billingRoom)),
  )

  const leaves = (abandoned: Settings["Service"]["abandoned"], handed: number, settled: boolean) =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const [begun, scope] = [yield* Deferred.make<void>(), yield* Scope.make()]
      const hold = yield* world.pays(Scope.provide(world.billing.reserve(hundred), scope))
      if (settled) yield* world.billing.settle(hold, { served: "MISS" })
      yield* world.billing.left(hold, { served: "MISS", handed, of: 1_000 })
      yield* Deferred.succeed(begun, undefined)
      yield* Scope.close(scope, Exit.interrupt())
      yield* TestClock.adjust("1 hour")
      const { balance, held } = yield* world.books
      return { balance, held }
    }).pipe(
      Effect.provide(
        Layer.mergeAll(Billing.layer, Accounts.layer).pipe(
          Layer.provideMerge(faultyLedger),
          Layer.provideMerge(Settings.layerTest({ abandoned })),
        ),
      ),
    )

  it.effect.each([
    ["share", 0, false, 1_000],
    ["share", 1, false, 999],
    ["share", 301, false, 969],
    ["share", 1_000, false, 900],
    ["share", 0, true, 1_000],
    ["share", 999, true, 900],
    ["full", 0, false, 1_000],
    ["full", 1, false, 900],
    ["full", 0, true, 1_000],
    ["free", 999, false, 1_000],
    ["free", 999, true, 1_000],
  ] as const)(
    "%s: a client that leaves with %d of 1,000 bytes, charged before: %s",
    ([how, handed, settled, balance]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* leaves(how, handed, settled), { balance, held: 0 })
      }),
  )

  it.effect("an answer that is out is told to the ledger within a second, or along with the next request", () =>
    Effect.gen(function* () {
      const world = yield* openWorld()
      const told: Array<number> = []
      world.faults.set("delivered", (run) =>
        Effect.tap(run, () => Effect.map(Clock.currentTimeMillis, (now) => told.push(now))),
      )
      const deliver = Effect.gen(function* () {
        const hold = yield* world.billing.reserve(hundred)
        yield* world.billing.settle(hold, { served: "MISS" })
        yield* world.billing.delivered(hold)
      }).pipe(Effect.scoped, world.pays)
      yield* deliver
      assert.deepStrictEqual(told, [])
      yield* deliver
      assert.deepStrictEqual(told, [1])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, [1, 1_000])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* world.books, { balance: 800, held: 0, entries: ["charge -100", "charge -100"] })
      assert.strictEqual(told.length, 2)
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

it.effect("a gateway that starts expires what others left when they died, however much", () =>
  Effect.gen(function* () {
    const ledger = yield* Ledger
    const orphan = { accountId: "anonymous", keyId: null, usage: hundred, idempotency: null, now: 1 }
    const ids = Array.from({ length: 1_001 }, (_, index) => `orphan-${index}`)
    yield* Effect.forEach(ids, (holdId, index) => ledger.run("reserve", { ...orphan, holdId, expiresAt: 2 + index }))
    yield* TestClock.adjust(1_002)
    yield* Layer.build(Billing.layer)
    const states = yield* Effect.forEach(ids, (holdId) => ledger.run("hold", { holdId }))
    assert.deepStrictEqual([...new Set(states.map((hold) => hold?.state))], ["expired"])
  }).pipe(Effect.provide(Layer.merge(faultyLedger, Settings.layerTest()))),
)

it.effect("whoever fails releases its hold, once; whoever is interrupted leaves that to its scope", () =>
  Effect.gen(function* () {
    const world = yield* openWorld()
    let releases = 0
    world.faults.set("release", (run) =>
      Effect.andThen(
        Effect.sync(() => releases++),
        run,
      ),
    )
    yield* Effect.gen(function* () {
      const hold = yield* world.billing.reserve(hundred)
      yield* world.billing.release(hold, Cause.interrupt())
      assert.strictEqual(yield* world.stateOf(hold.id), "held")
      yield* world.billing.release(hold, Cause.fail("the engine broke off"))
      assert.strictEqual(yield* world.stateOf(hold.id), "released: failed")
    }).pipe(Effect.scoped, world.pays)
    assert.strictEqual(releases, 1)
  }).pipe(Effect.provide(billingRoom)),
)

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
      const error = yield* Effect.flip(world.pays(charge(world.billing, hundred, { served: "MISS" })))
      assert.deepInclude(error.reason, { _tag: "InsufficientQuota", available: 0, needed: 100 })
      yield* Fiber.interrupt(fiber)
      yield* world.pays(charge(world.billing, everything, { served: "MISS" }))
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
      yield* world.pays(charge(world.billing, hundred, { served: "HIT" }))
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
      const error = yield* Effect.flip(world.pays(charge(world.billing, tooMuch, { served: "MISS" })))
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
      yield* TestClock.adjust("1 second")
      yield* world.ledger.run("reap", { now: 29 * 86_400_000, limit: 10 })
      assert.strictEqual(yield* world.stateOf(id), "settled")
      yield* world.ledger.run("reap", { now: 31 * 86_400_000, limit: 10 })
      assert.strictEqual(yield* world.stateOf(id), "none")
      assert.deepStrictEqual((yield* world.books).entries, ["charge -100"])
    }).pipe(Effect.provide(billingRoom)),
  )
})

it.effect("charges, what is paid back and what expires are counted", () =>
  Effect.gen(function* () {
    const world = yield* openWorld()
    const counted = Effect.all([
      Metric.value(Metric.withAttributes(Metrics.charges, { cache: "HIT" })),
      Metric.value(Metrics.refunds),
      Metric.value(Metrics.holdsExpired),
    ]).pipe(Effect.map((all) => all.map(({ count }) => count)))
    const before = yield* counted
    const hit = charge(world.billing, hundred, { served: "HIT" })
    yield* world.pays(hit)
    for (const _ of ["first", "repeated"]) yield* world.pays(hit, "k")
    world.faults.set("settle", answerLost(9))
    const fiber = yield* Effect.forkChild(world.pays(charge(world.billing, hundred, { served: "HIT" })))
    yield* TestClock.adjust("1 second")
    yield* Effect.flip(Fiber.join(fiber))
    const orphan = { accountId: world.id, keyId: null, usage: hundred, idempotency: null, now: 1, expiresAt: 2 }
    yield* world.ledger.run("reserve", { ...orphan, holdId: "orphan" })
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual(
      (yield* counted).map((now, index) => now - before[index]!),
      [2, 1, 1],
    )
  }).pipe(Effect.provide(billingRoom)),
)

it.effect("a payer that nobody named is the anonymous account, which pays later", () =>
  Effect.gen(function* () {
    const world = yield* openWorld()
    yield* LedgerFaults
    yield* charge(world.billing, hundred, { served: "MISS" })
    assert.strictEqual((yield* world.ledger.run("account", { id: "anonymous", now: 0 })).balance, -100)
  }).pipe(Effect.provide(billingRoom)),
)
