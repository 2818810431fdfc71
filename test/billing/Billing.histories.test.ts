// Whatever happens to concurrent requests, no balance goes wrong. Random histories over one ledger: requests of three accounts that are
// settled in full or in part, delivered or not, released, abandoned, asked again, and asked together with operations that the database throws out.
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { openBook } from "../../src/billing/sqlite/SqliteBook.ts"
import { openLater } from "../support/asyncLedger.ts"
import { rates } from "../support/billing.ts"
import { answer, history, recordHistories } from "../support/histories.ts"
import { replayOn } from "../support/postgresHistories.ts"
import { newDatabase } from "../support/sharedPostgres.ts"

const histories = 10_000

it(`${histories} random histories: no balance, hold or floor ever goes wrong`, () => {
  const perBook = 500
  for (let first = 0; first < histories; first += perBook) {
    const book = openBook({ path: ":memory:", currency: "usd" })
    answer(book, "publishRates", { now: 1, validFrom: 1, rates })
    for (let seed = first; seed < first + perBook; seed++) history(book, seed)
    assert.deepStrictEqual(answer(book, "verify", {}), [])
    book.close()
  }
})

const waitedFor = 25

it(`${waitedFor} of them on a database that has to be waited for at every statement: the same answers`, async () => {
  const { asked, commits } = recordHistories(0, waitedFor)
  const later = await openLater()
  for (const { group, answers } of asked) assert.deepStrictEqual(await later.apply(group), answers)
  // It counts all of its transactions; SQLite those that it waited for the disk with, which groups of nothing but holds are not.
  assert.isAtLeast(later.commits(), commits)
  later.close()
})

it.live(
  `${waitedFor} of them on PostgreSQL: the same answers`,
  () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      assert.deepStrictEqual(yield* replayOn(url, 0, waitedFor), [])
      // Two answers were kept back until the same moment: they are paid back in the same order.
      assert.deepStrictEqual(yield* replayOn(yield* newDatabase, 29_802, 1), [])
    }),
  { timeout: 120_000 },
)
