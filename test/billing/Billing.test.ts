import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import { Payer } from "../../src/billing/Payer.ts"
import { Settings } from "../../src/Settings.ts"

const usage = { kind: "speech", model: "m", characters: 100 } as const
const rates = { speechPerMillionCharacters: 1_000_000, transcriptionPerMinute: 60, hitShare: 10_000, coalescedShare: 10_000 }
const layers = Layer.mergeAll(Billing.layer, Accounts.layer).pipe(Layer.provideMerge(Ledger.layerMemory), Layer.provide(Settings.layerTest()))

describe("Billing", () => {
  it.effect("a hold that is left unsettled is released", () =>
    Effect.gen(function* () {
      const [billing, accounts] = [yield* Billing, yield* Accounts]
      yield* accounts.publishRates(rates, 1)
      yield* TestClock.adjust(1)
      const account = yield* accounts.open({ name: "a", terms: { kind: "prepaid", overdraft: 0 } })
      yield* accounts.deposit({ accountId: account.id, amount: 1000 })
      const scope = yield* Scope.make()
      const payer = { accountId: account.id, keyId: null, idempotency: null }
      const hold = yield* billing.reserve(usage).pipe(Scope.provide(scope), Effect.provideService(Payer, payer))
      assert.strictEqual((yield* accounts.get(account.id)).held, 100)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* accounts.get(account.id)).held, 100)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* accounts.get(account.id)).held, 0)
      const error = yield* Effect.flip(billing.settle(hold, { served: "MISS" }))
      assert.strictEqual(error.reason._tag, "AlreadyReleased")
    }).pipe(Effect.provide(layers)),
  )
})
