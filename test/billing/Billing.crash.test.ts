import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Billing } from "../../src/billing/Billing.ts"
import { Neighbours } from "../../src/scratch/Neighbours.ts"
import { billingRoom, down, hundred, openWorld } from "../support/billing.ts"

/** What a crash leaves: two charges, one of them known to be out. */
const crashed = Effect.gen(function* () {
  const world = yield* openWorld()
  const ask = { accountId: world.id, keyId: null, usage: hundred, idempotency: null, now: 1, expiresAt: 900_000 }
  for (const holdId of ["kept back", "out"]) {
    yield* world.ledger.run("reserve", { ...ask, holdId })
    yield* world.ledger.run("settle", { holdId, served: "MISS", outcome: null, now: 1 })
  }
  yield* world.ledger.run("delivered", { claims: ["out"] })
  return { world, ask }
})

it.effect("a crash between the charge and the last byte: nothing, once the hold is overdue", () =>
  Effect.gen(function* () {
    const { world } = yield* crashed
    yield* TestClock.adjust("14 minutes")
    assert.strictEqual((yield* world.books).balance, 800)
    yield* TestClock.adjust("2 minutes")
    assert.deepStrictEqual(yield* world.books, {
      ...{ balance: 900, held: 0, entries: ["charge -100", "charge -100", "refund 100"] },
    })
  }).pipe(Effect.provide(billingRoom)),
)

it.effect.each([
  ["alone on the ledger: nothing, as soon as the next gateway starts", true, { balance: 900, held: 0 }],
  ["with another gateway, whose they may be: nothing yet", false, { balance: 800, held: 1 }],
] as const)("a crash between the charge and the last byte, or before the charge, %s", ([, alone, expected]) =>
  Effect.gen(function* () {
    const { world, ask } = yield* crashed
    yield* world.ledger.run("reserve", { ...ask, holdId: "held" })
    const neighbours = Layer.succeed(Neighbours, { alone: Effect.succeed(alone), count: Effect.succeed(0) })
    yield* Layer.build(Layer.fresh(Billing.layer).pipe(Layer.provide(neighbours)))
    assert.deepInclude(yield* world.books, { ...expected, held: expected.held * 100 })
  }).pipe(Effect.scoped, Effect.provide(billingRoom)),
)

it.effect("a ledger that others keep locked while a gateway starts: it starts, and looks again a minute later", () =>
  Effect.gen(function* () {
    const { world, ask } = yield* crashed
    yield* world.ledger.run("reserve", { ...ask, holdId: "held", expiresAt: 2 })
    world.faults.set("reap", down("locked"))
    yield* Layer.build(Layer.fresh(Billing.layer).pipe(Layer.provide(Neighbours.layerNone)))
    assert.deepInclude(yield* world.books, { held: 100 })
    world.faults.delete("reap")
    yield* TestClock.adjust("61 seconds")
    assert.deepInclude(yield* world.books, { held: 0 })
  }).pipe(Effect.scoped, Effect.provide(billingRoom)),
)
