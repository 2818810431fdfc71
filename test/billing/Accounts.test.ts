import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Accounts } from "../../src/billing/Accounts.ts"
import { billingRoom, LedgerFaults, rates } from "../support/billing.ts"

it.effect("an account is opened, topped up, adjusted and changed, and its statement says so", () =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const opened = yield* accounts.open({ name: "Ada", terms: { kind: "prepaid", overdraft: 0 } })
    yield* accounts.deposit({ accountId: opened.id, amount: 500, operationId: "invoice 7" })
    yield* accounts.deposit({ accountId: opened.id, amount: 500, operationId: "invoice 7" })
    const entry = yield* accounts.adjust({ accountId: opened.id, amount: -20, reason: "billed twice elsewhere" })
    assert.deepInclude(entry, { kind: "adjustment", balance: 480, reason: "billed twice elsewhere" })
    const changed = yield* accounts.change(opened.id, { terms: { kind: "metered", monthlyCap: 9 } })
    assert.deepInclude(changed, { name: "Ada", terms: { kind: "metered", monthlyCap: 9 }, balance: 480 })
    const names = (yield* accounts.list).map(({ name }) => name)
    assert.deepStrictEqual(names.toSorted(), ["Ada", "Requests without a key"])
  }).pipe(Effect.provide(billingRoom)),
)

it.effect("a new name and new terms given at the same time both stand", () =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const faults = yield* LedgerFaults
    const { id } = yield* accounts.open({ name: "Ada", terms: { kind: "prepaid", overdraft: 1_000 } })
    faults.set("changeAccount", (change) => Effect.andThen(Effect.yieldNow, change))
    const terms = { kind: "prepaid", overdraft: 0 } as const
    yield* Effect.all([accounts.change(id, { terms }), accounts.change(id, { name: "Grace" })], {
      concurrency: "unbounded",
    })
    assert.deepInclude(yield* accounts.get(id), { name: "Grace", terms })
  }).pipe(Effect.provide(billingRoom)),
)

it.effect("keys are listed without their text, of one account or of all", () =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const { id } = yield* accounts.open({ name: "Ada", terms: { kind: "metered", monthlyCap: null } })
    const mine = yield* accounts.createKey({ accountId: id, name: "laptop", limits: { requestsPerMinute: 3 } })
    const other = yield* accounts.createKey({ accountId: "anonymous", name: "other" })
    assert.deepStrictEqual(yield* accounts.keys(id), [mine.key])
    assert.sameDeepMembers(Array.from(yield* accounts.keys()), [mine.key, other.key])
    assert.deepStrictEqual(mine.key.limits, { requestsPerMinute: 3, charactersPerMinute: null, monthlyCap: null })
  }).pipe(Effect.provide(billingRoom)),
)

it.effect("a rate card holds from its date until the next one's", () =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    yield* TestClock.adjust(5)
    yield* accounts.publishRates(rates)
    yield* accounts.publishRates({ ...rates, hitShare: 0 }, 1_000)
    const mistyped = yield* accounts.publishRates({ ...rates, hitShare: 1 }, 2_000)
    yield* accounts.withdrawRates(mistyped.version)
    const spans = (yield* accounts.rates).map((card) => [card.validFrom, card.validUntil, card.hitShare])
    assert.deepStrictEqual(spans, [
      [0, 5, 10_000],
      [5, 1_000, 5_000],
      [1_000, null, 0],
    ])
  }).pipe(Effect.provide(billingRoom)),
)
