import { assert } from "@effect/vitest"
import { LedgerUnavailable } from "../../src/billing/BillingError.ts"
import type { Answer, Answered, Asked, OperationName, Question } from "../../src/billing/Operations.ts"
import { openBook, type SqliteBook } from "../../src/billing/sqlite/SqliteBook.ts"
import { rates } from "./billing.ts"
import { seededRandom } from "./seededRandom.ts"

/** What one history asks in all, about. */
const steps = 24

const ask = <K extends OperationName>(name: K, input: Question<K>): Asked => ({ name, input })

export const answer = <K extends OperationName>(book: SqliteBook, name: K, input: Question<K>): Answer<K> => {
  const [answered] = book.apply([ask(name, input)])
  if (answered === undefined || "refused" in answered) throw new Error(`${name}: ${JSON.stringify(answered)}`)
  return answered.answer as Answer<K>
}

/**
 * Not those whose meaning hangs on what came between: renewing, reaping, releasing a hold that did not exist yet, and a request that was
 * answered with an earlier one's hold, which may have been paid back since.
 */
const repeatable = ({ name, input }: Asked): boolean =>
  ["post", "reserve", "settle"].includes(name) && !(input as Partial<Question<"reserve">>).idempotency

/** One random history, told by its seed, of three accounts of its own; checked as it goes. */
export const history = (book: SqliteBook, seed: number) => {
  const random = seededRandom(seed)
  const start = seed * 1_000_000 + 10
  let now = start
  const accounts = ["prepaid", "overdrawn", "capped"].map((name) => `${name}-${seed}`)
  const floors = [0, -300, -Infinity]
  const expected = [0, 0, 0]
  const holds: Array<string> = []
  const ends = new Map<string, string>()
  const refunds = new Set<number>()

  answer(book, "openAccount", { id: accounts[0]!, name: "", terms: { kind: "prepaid", overdraft: 0 }, now })
  answer(book, "openAccount", { id: accounts[1]!, name: "", terms: { kind: "prepaid", overdraft: 300 }, now })
  answer(book, "openAccount", { id: accounts[2]!, name: "", terms: { kind: "metered", monthlyCap: 500 }, now })

  const step = (index: number): Asked => {
    const account = random(3)
    const accountId = accounts[account]!
    const holdId = holds[random(holds.length + 1)] ?? `none-${seed}`
    const usage = { kind: "speech", model: "m", characters: random(200) } as const
    const idempotency = random(4) === 0 ? { key: `k${random(3)}`, fingerprint: `f${random(2)}` } : null
    const reserve = {
      holdId: `hold-${seed}-${index}`,
      accountId,
      keyId: null,
      usage,
      expiresAt: now + 1 + random(300),
      idempotency,
      now,
    }
    const served = (["MISS", "HIT", "COALESCED", "BYPASS"] as const)[random(4)]!
    switch (random(9)) {
      case 0:
        return ask("post", {
          operationId: `d-${seed}-${index}`,
          accountId,
          kind: "deposit",
          amount: 1 + random(300),
          reason: null,
          now,
        })
      case 1:
      case 2:
      case 3:
        holds.push(reserve.holdId)
        return ask("reserve", reserve)
      case 4:
        holds.push(reserve.holdId)
        return ask("reserve", { ...reserve, served, again: random(2) === 0 })
      case 5:
        return ask("release", { holdId, reason: "", refund: random(2) === 0, now })
      case 6:
        return random(3) === 0
          ? ask("reap", { limit: 100, now })
          : random(2) === 0
            ? ask("delivered", { claims: [holdId] })
            : ask("renew", { holdId, expiresAt: now + random(300), now })
      case 7:
        // The database throws this one out, and all that was asked with it has to be made without it.
        return ask("reserve", {
          ...reserve,
          holdId: `absurd-${seed}-${index}`,
          usage: { ...usage, characters: 0.5 },
          idempotency: null,
        })
      default: {
        const of = 1 + random(1_000)
        const part = random(2) === 0 ? { part: { handed: 1 + random(of), of } } : {}
        return ask("settle", { holdId, served, outcome: null, now, ...part })
      }
    }
  }

  const account = (index: number) => answer(book, "account", { id: accounts[index]!, now })
  const books = () => [
    accounts.map((_, index) => account(index)),
    holds.map((holdId) => answer(book, "hold", { holdId })?.state),
    accounts.map((accountId) => answer(book, "statement", { accountId, before: null, limit: 1000 }).length),
  ]

  const moved = (asked: Asked, answered: Answered) => {
    if ("refused" in answered) {
      const database = answered.refused instanceof LedgerUnavailable
      assert.strictEqual(
        database,
        JSON.stringify(asked.input).includes("absurd"),
        `seed ${seed}: ${JSON.stringify([asked, answered])}`,
      )
      return
    }
    if (asked.name === "post") {
      const entry = answered.answer as Answer<"post">
      expected[accounts.indexOf(entry.accountId)]! += entry.amount
    }
    if (asked.name === "settle") {
      const settlement = answered.answer as Answer<"settle">
      if (!settlement.replayed) expected[accounts.indexOf(settlement.accountId)]! -= settlement.amount
    }
  }

  /** By a release, by a crash that kept an answer back, or with the charge for the whole of what was paid in part. */
  const countRefunds = () => {
    for (const { accountId, amount, id, kind } of accounts.flatMap((accountId) =>
      answer(book, "statement", { accountId, before: null, limit: 1000 }),
    )) {
      if (kind !== "refund" || refunds.has(id)) continue
      refunds.add(id)
      expected[accounts.indexOf(accountId)]! += amount
    }
  }

  const check = () => {
    countRefunds()
    accounts.forEach((_, index) => {
      const { balance, held } = account(index)
      assert.strictEqual(balance, expected[index], `seed ${seed}: balance of ${accounts[index]}`)
      assert.isAtLeast(balance - held, floors[index]!, `seed ${seed}: floor of ${accounts[index]}`)
      assert.isAtLeast(held, 0)
    })
    for (const holdId of holds) {
      const state = answer(book, "hold", { holdId })?.state
      const end = ends.get(holdId)
      if (end !== undefined) assert.strictEqual(state, end, `seed ${seed}: ${holdId} ended twice`)
      else if (state !== undefined && state !== "held") ends.set(holdId, state)
    }
  }

  for (let index = 0; index < steps;) {
    const group = Array.from({ length: 1 + random(4) }, () => step(index++))
    const answers = book.apply(group)
    group.forEach((asked, position) => moved(asked, answers[position]!))
    if (random(3) === 0) check()
    if (random(6) === 0) {
      // An answer was lost and the operation is asked again.
      const again = group[random(group.length)]!
      if (repeatable(again) && "answer" in answers[group.indexOf(again)]!) {
        const before = books()
        book.apply([again])
        assert.deepStrictEqual(books(), before, `seed ${seed}: ${again.name} again`)
      }
    }
    now += random(120)
  }

  // Every owner has crashed: what is live expires, and only that.
  now += 1_000
  answer(book, "reap", { limit: 1_000, now })
  check()
  accounts.forEach((accountId, index) => {
    assert.strictEqual(account(index).held, 0, `seed ${seed}: ${accountId} still holds`)
    const entries = answer(book, "statement", { accountId, before: null, limit: 1000 })
    assert.strictEqual(
      entries.reduce((sum, entry) => sum + entry.amount, 0),
      account(index).balance,
    )
    const charged = entries.filter((entry) => entry.kind === "charge").map((entry) => entry.holdId)
    assert.strictEqual(new Set(charged).size, charged.length, `seed ${seed}: charged twice`)
  })
}

/** What `count` histories ask of a book, group by group, and what one in SQLite answers. */
export const recordHistories = (first: number, count: number) => {
  const book = openBook({ path: ":memory:", currency: "usd" })
  const asked: Array<{ readonly group: ReadonlyArray<Asked>; readonly answers: ReadonlyArray<Answered> }> = []
  const recorded: SqliteBook = {
    ...book,
    apply: (group) => {
      const answers = book.apply(group)
      asked.push({ group, answers })
      return answers
    },
  }
  answer(recorded, "publishRates", { now: 1, validFrom: 1, rates })
  for (let seed = first; seed < first + count; seed++) history(recorded, seed)
  book.close()
  return { asked, commits: book.commits() }
}
