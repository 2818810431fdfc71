import { assert, it } from "@effect/vitest"
import type { Asked } from "../../../src/billing/Operations.ts"
import { byAccount, concernedBy } from "../../../src/billing/postgres/Concerned.ts"

const reserve = (holdId: string, accountId: string): Asked => ({ name: "reserve", input: { holdId, accountId } })
const settle = (holdId: string): Asked => ({ name: "settle", input: { holdId } })
const delivered = (...claims: ReadonlyArray<string>): Asked => ({ name: "delivered", input: { claims } })

const places = (asked: ReadonlyArray<Asked>, known: Record<string, string> = {}) =>
  byAccount(asked, new Map(Object.entries(known))).map((chain) => chain.map(([index]) => index))

it("what is asked of one account keeps its order, whether the account is named, known, or that of a hold made in the group", () => {
  const asked = [reserve("1", "a"), reserve("2", "b"), settle("1"), settle("3"), settle("4"), settle("2")]
  assert.deepStrictEqual(places(asked, { "3": "a" }), [[0, 2, 3], [1, 5], [4]])
})

it("an answer that is charged and said to be out in one group is charged first", () => {
  assert.deepStrictEqual(places([settle("1"), delivered("0", "1"), reserve("2", "b")], { "1": "a" }), [[0, 1, 2]])
  assert.deepStrictEqual(places([settle("1"), delivered("0")], { "1": "a" }), [[0], [1]])
})

it("accounts are named, or found by their holds; what concerns all says so", () => {
  assert.deepStrictEqual(concernedBy([reserve("1", "a"), settle("2"), reserve("3", "a"), delivered("4")]), {
    all: false,
    accounts: ["a"],
    holds: ["2"],
  })
  assert.isTrue(concernedBy([settle("2"), { name: "reap", input: {} }]).all)
  assert.deepStrictEqual(concernedBy([{ name: "changeAccount", input: { id: "a" } }]).accounts, ["a"])
})
