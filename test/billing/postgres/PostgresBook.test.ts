import { assert, it } from "@effect/vitest"
import type { OperationName } from "../../../src/billing/Operations.ts"
import { askedAt } from "../../../src/billing/postgres/PostgresBook.ts"

const moved = (name: OperationName, input: object) => askedAt({ name, input }, 1_000).input

it("what is asked by a gateway's clock is asked by the database's: a hold lasts as long, whatever the clock said", () => {
  for (const name of ["reserve", "charge", "renew"] as const)
    assert.deepStrictEqual(moved(name, { now: 50, expiresAt: 80 }), { now: 1_000, expiresAt: 1_030 })
  assert.deepStrictEqual(moved("settle", { now: 50 }), { now: 1_000 })
  assert.deepStrictEqual(moved("statement", { accountId: "a" }), { accountId: "a" })
})

it("times that an operator said stay; prices that are to hold at once do so", () => {
  assert.deepStrictEqual(moved("addKey", { now: 50, expiresAt: 80 }), { now: 1_000, expiresAt: 80 })
  assert.deepStrictEqual(moved("publishRates", { now: 50, validFrom: 50 }), { now: 1_000, validFrom: 1_000 })
  assert.deepStrictEqual(moved("publishRates", { now: 50, validFrom: 5_000 }), { now: 1_000, validFrom: 5_000 })
})
