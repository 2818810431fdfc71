import { LedgerUnavailable } from "../BillingError.ts"
import { type Answered, type Asked, queries } from "../Operations.ts"
import { accountRules } from "./AccountRules.ts"
import type { Transactions } from "./Dialect.ts"
import { holdEndRules } from "./HoldEnds.ts"
import { holdRules } from "./Holds.ts"
import { keyRules } from "./Keys.ts"
import { rateRules } from "./Rates.ts"
import { Refusal } from "./Refusal.ts"
import { reports } from "./Reports.ts"
import { change, command, one, type Rule, type Rules } from "./Statement.ts"

/** All that a ledger does, apart from the database that it is kept in. */
export interface Book {
  /**
   * Does what is asked in one durable transaction. What is refused leaves no trace and harms no other; when the database itself fails,
   * all that was asked is refused. Between its begin and its end nothing else may run on the connection.
   */
  readonly apply: (asked: ReadonlyArray<Asked>) => Rule<ReadonlyArray<Answered>>
  /** Transactions committed, which is how often the log was synced to disk. */
  readonly commits: () => number
}

const rules: Rules = { ...holdRules, ...holdEndRules, ...accountRules, ...keyRules, ...rateRules, ...reports }

/** Does one operation, within whatever transaction there is. Throws what the database throws, and leaves nothing behind where it refuses. */
export function* answerTo({ name, input }: Asked): Rule<Answered> {
  try {
    return { answer: yield* (rules[name] as (input: unknown) => Rule<unknown>)(input) }
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.reason }
    throw error
  }
}

export const makeBook = ({ begin, rollback, reasonOf }: Transactions): Book => {
  let commits = 0

  /** The database is in trouble, not the one operation: full, locked, damaged. */
  const concernsAll = (error: unknown): boolean => {
    const reason = reasonOf(error)
    return reason instanceof LedgerUnavailable && reason.kind !== "failed"
  }

  function* transact(asked: ReadonlyArray<Asked>): Rule<ReadonlyArray<Answered>> {
    let committing = false
    let begun = false
    try {
      yield* command(begin)
      begun = true
      const answers: Array<Answered> = []
      for (const one of asked) answers.push(yield* answerTo(one))
      committing = true
      yield* command("COMMIT")
      commits += 1
      return answers
    } catch (error) {
      yield* command(rollback)
      // One operation that the database throws out, such as a number out of range, must not take the others with it.
      if (begun && !committing && asked.length > 1 && !concernsAll(error)) {
        const answers: Array<Answered> = []
        for (const one of asked) answers.push(...(yield* transact([one])))
        return answers
      }
      const refused = reasonOf(error, committing)
      return asked.map(() => ({ refused }))
    }
  }

  function* look(asked: ReadonlyArray<Asked>): Rule<ReadonlyArray<Answered>> {
    const answers: Array<Answered> = []
    for (const one of asked) {
      try {
        answers.push(yield* answerTo(one))
      } catch (error) {
        answers.push({ refused: reasonOf(error) })
      }
    }
    return answers
  }

  return {
    apply: (asked) => (asked.every((one) => queries.has(one.name)) ? look(asked) : transact(asked)),
    commits: () => commits,
  }
}

/** Checks the currency, which is free to change until there is an entry in it. */
export function* agree(currency: string): Rule<void> {
  yield* change(
    `INSERT INTO meta (name, value) VALUES ('currency', ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE NOT EXISTS (SELECT 1 FROM entries)`,
    currency,
  )
  const kept = (yield* one("SELECT value FROM meta WHERE name = 'currency'"))?.["value"] as string
  if (kept === currency) return
  const message = `it is kept in ${kept}, not in ${currency}. Set AVIARY_CURRENCY=${kept}, or use another AVIARY_DATA_DIR`
  throw Refusal.unavailable("mismatch", message)
}

/** Checks every balance against its entries. */
export function* addUp(): Rule<void> {
  const [wrong] = yield* reports.verify({})
  if (wrong === undefined) return
  const message = `account ${wrong.accountId} has balance ${wrong.balance}, but its entries sum to ${wrong.sum}. Restore a backup`
  throw Refusal.unavailable("mismatch", message)
}
