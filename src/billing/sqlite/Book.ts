import { mkdirSync, openSync, closeSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type BillingReason, LedgerUnavailable } from "../BillingError.ts"
import { type OperationName, type Operations, queries } from "../Operations.ts"
import { accountOperations } from "./Accounts.ts"
import { cannotOpen } from "./CannotOpen.ts"
import { holdOperations } from "./Holds.ts"
import { inspect, migrate } from "./Migrations.ts"
import { rateOperations } from "./Rates.ts"
import { reasonOf, Refusal } from "./Refusal.ts"
import { reportOperations } from "./Reports.ts"
import { Rows } from "./Rows.ts"

export interface Asked {
  readonly name: OperationName
  readonly input: unknown
}

export type Answered = { readonly answer: unknown } | { readonly refused: BillingReason }

/**
 * @property path of the database, or `:memory:`
 * @property currency ISO 4217; a ledger keeps the one that its first entry was made in
 * @property lockWaitMillis how long another process may keep the database locked; default 5,000
 * @property checked it was found whole when this process first opened it, and is not read through again: of ten million
 *   entries that takes longer than requests wait for a thread that replaces another
 * @property maxPages how far the database may grow, in pages of 4 KiB; default as far as the disk
 */
export interface BookOptions {
  readonly path: string
  readonly currency: string
  readonly readOnly?: boolean
  readonly checked?: boolean
  readonly lockWaitMillis?: number
  readonly maxPages?: number
}

/** An open ledger. Everything here blocks its thread. */
export interface Book {
  /**
   * Does what is asked in one durable transaction. What is refused leaves no trace and harms no other; when the database itself fails,
   * all that was asked is refused.
   */
  readonly apply: (asked: ReadonlyArray<Asked>) => ReadonlyArray<Answered>
  /** Transactions committed, which is how often the log was synced to disk. */
  readonly commits: () => number
  readonly close: () => void
}

/** Opens the ledger, making it or bringing it up to date. Throws `Refusal` with `LedgerUnavailable`. */
export const openBook = (options: BookOptions): Book => {
  let db: DatabaseSync | undefined
  try {
    db = open(options)
    return bookOf(db)
  } catch (error) {
    db?.close()
    throw new Refusal(cannotOpen(options.path, reasonOf(error)))
  }
}

const open = ({
  path,
  currency,
  readOnly = false,
  checked = false,
  lockWaitMillis = 5000,
  maxPages,
}: BookOptions): DatabaseSync => {
  if (path !== ":memory:" && !readOnly) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Made here, since SQLite would make it readable by others. Its log takes the same mode.
    closeSync(openSync(path, "a", 0o600))
  }
  const db = new DatabaseSync(path, { readOnly, timeout: lockWaitMillis, enableForeignKeyConstraints: true })
  try {
    if (!readOnly) {
      inspect(db, checked)
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864")
      migrate(db)
      agree(db, currency)
      if (!checked) addUp(db)
      if (maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${maxPages}`)
    }
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Checks the currency, which is free to change until there is an entry in it. */
const agree = (db: DatabaseSync, currency: string): void => {
  const rows = new Rows(db)
  rows.run(
    `INSERT INTO meta (name, value) VALUES ('currency', ?)
     ON CONFLICT DO UPDATE SET value = excluded.value WHERE NOT EXISTS (SELECT 1 FROM entries)`,
    currency,
  )
  const kept = rows.one("SELECT value FROM meta WHERE name = 'currency'")?.["value"] as string
  if (kept !== currency) {
    const message = `it is kept in ${kept}, not in ${currency}. Set AVIARY_CURRENCY=${kept}, or use another AVIARY_DATA_DIR`
    throw Refusal.unavailable("mismatch", message)
  }
}

/** Checks every balance against its entries. */
const addUp = (db: DatabaseSync): void => {
  const [wrong] = reportOperations(new Rows(db)).verify({})
  if (wrong !== undefined) {
    const message = `account ${wrong.accountId} has balance ${wrong.balance}, but its entries sum to ${wrong.sum}. Restore a backup`
    throw Refusal.unavailable("mismatch", message)
  }
}

/** The database is in trouble, not the one operation: full, locked, damaged. */
const concernsAll = (error: unknown): boolean => {
  const reason = reasonOf(error)
  return reason instanceof LedgerUnavailable && reason.kind !== "failed"
}

const bookOf = (db: DatabaseSync): Book => {
  const rows = new Rows(db)
  const operations: Operations = {
    ...holdOperations(rows),
    ...accountOperations(rows),
    ...rateOperations(rows),
    ...reportOperations(rows),
  }
  let commits = 0

  const make = ({ name, input }: Asked): Answered => {
    try {
      return { answer: (operations[name] as (input: unknown) => unknown)(input) }
    } catch (error) {
      if (error instanceof Refusal) return { refused: error.reason }
      throw error
    }
  }

  const transact = (asked: ReadonlyArray<Asked>): ReadonlyArray<Answered> => {
    let committing = false
    let begun = false
    try {
      db.exec("BEGIN IMMEDIATE")
      begun = true
      const answers = asked.map(make)
      committing = true
      db.exec("COMMIT")
      commits += 1
      return answers
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK")
      // One operation that SQLite throws out, such as a number out of range, must not take the others with it.
      if (begun && !committing && asked.length > 1 && !concernsAll(error))
        return asked.flatMap((one) => transact([one]))
      const refused = reasonOf(error, committing)
      return asked.map(() => ({ refused }))
    }
  }

  const look = (one: Asked): Answered => {
    try {
      return make(one)
    } catch (error) {
      return { refused: reasonOf(error) }
    }
  }

  return {
    apply: (asked) => (asked.every((one) => queries.has(one.name)) ? asked.map(look) : transact(asked)),
    commits: () => commits,
    close: () => db.close(),
  }
}
