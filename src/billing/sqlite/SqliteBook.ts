import { mkdirSync, openSync, closeSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { makeBook } from "../book/Book.ts"
import { addUp, agree } from "../book/Opening.ts"
import { Refusal } from "../book/Refusal.ts"
import { type Answered, type Asked, type OperationName, queries } from "../Operations.ts"
import { cannotOpen } from "./CannotOpen.ts"
import { inspect, migrate } from "./Migrations.ts"
import { Runner } from "./Runner.ts"
import { reasonOf, sqliteDialect } from "./SqliteDialect.ts"

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

/**
 * Those that need not survive a loss of power, only the process: a hold that is forgotten then was never charged, and its request has
 * ended, too. They reach the disk with the next charge, in their order.
 */
const unsynced: ReadonlySet<OperationName> = new Set<OperationName>(["reserve", "renew", "delivered"])

/**
 * A book that is open in SQLite. Everything here blocks its thread.
 *
 * @property commits transactions that were synced to disk
 */
export interface SqliteBook {
  readonly apply: (asked: ReadonlyArray<Asked>) => ReadonlyArray<Answered>
  readonly commits: () => number
  /** Another number once another connection has changed the ledger. */
  readonly version: () => number
  readonly close: () => void
}

/** Opens the ledger, making it or bringing it up to date. Throws `Refusal` with `LedgerUnavailable`. */
export const openBook = (options: BookOptions): SqliteBook => {
  try {
    const db = open(options)
    const runner = new Runner(db)
    const book = makeBook(sqliteDialect)
    const version = db.prepare("PRAGMA data_version")
    let synced = true
    let commits = 0
    /** Whether the commits from now on wait for the disk. */
    const sync = (wanted: boolean) => {
      if (synced !== wanted) db.exec(`PRAGMA synchronous = ${wanted ? "FULL" : "NORMAL"}`)
      synced = wanted
    }
    return {
      apply: (asked) => {
        sync(!asked.every(({ name }) => unsynced.has(name) || queries.has(name)))
        const before = book.commits()
        const answered = runner.run(book.apply(asked))
        if (synced) commits += book.commits() - before
        return answered
      },
      commits: () => commits,
      version: () => version.get()!["data_version"] as number,
      close: () => db.close(),
    }
  } catch (error) {
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
      const runner = new Runner(db)
      runner.run(agree(currency))
      if (!checked) runner.run(addUp())
      if (maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${maxPages}`)
    }
    return db
  } catch (error) {
    db.close()
    throw error
  }
}
