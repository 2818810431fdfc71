import { closeSync, fdatasyncSync, mkdirSync, openSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { addUp, agree, makeBook } from "../book/Book.ts"
import { Refusal } from "../book/Refusal.ts"
import { type Answered, type Asked, type OperationName, queries } from "../Operations.ts"
import { inspect, migrate } from "./Migrations.ts"
import { reasonOf, sqliteDialect } from "./SqliteDialect.ts"
import { BillingReason, LedgerUnavailable } from "../BillingError.ts"
import type { Rule, Statement } from "../book/Statement.ts"
import { Schema } from "effect"

/** Runs rules on one connection, without a wait. Each text is prepared once, when it is first used. */
export class Runner {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  run<A>(rule: Rule<A>): A {
    let step = rule.next()
    while (step.done !== true) {
      let result: unknown
      try {
        result = this.execute(step.value)
      } catch (error) {
        step = rule.throw(error)
        continue
      }
      step = rule.next(result)
    }
    return step.value
  }

  execute({ sql, values, want }: Statement): unknown {
    const text = typeof sql === "string" ? sql : sql(sqliteDialect)
    switch (want) {
      case "one":
      case "kept":
        return this.#prepare(text).get(...values)
      case "all":
        return this.#prepare(text).all(...values)
      case "changes":
        return Number(this.#prepare(text).run(...values).changes)
      case "later":
        return void this.#prepare(text).run(...values)
      case "nothing":
        // Of some errors, such as a full disk, SQLite has rolled back by itself.
        if (text === sqliteDialect.rollback && !this.#db.isTransaction) return undefined
        return void this.#prepare(text).run()
    }
  }

  #prepare(text: string): StatementSync {
    const known = this.#prepared.get(text)
    if (known !== undefined) return known
    const made = this.#db.prepare(text)
    this.#prepared.set(text, made)
    return made
  }
}

const elsewhere = "set AVIARY_DATA_DIR to another directory"

/** By kind; a mismatch says itself what to do. */
const advice: Record<LedgerUnavailable["kind"], string | undefined> = {
  corrupt: `Restore it from a backup, or move it away, or ${elsewhere}`,
  newer: `Start the newer Aviary that wrote it, or ${elsewhere}`,
  locked: `Stop the other program that keeps it locked, or ${elsewhere}`,
  full: `Make room on its disk, or ${elsewhere}`,
  failed: `Let this user read and write it and its directory, or ${elsewhere}`,
  mismatch: undefined,
  overloaded: undefined,
  lost: undefined,
}

/** Why the ledger at `path` does not open, for who starts the gateway: which file, what is wrong with it, what to do. */
const cannotOpen = (path: string, reason: BillingReason): BillingReason => {
  if (!(reason instanceof LedgerUnavailable)) return reason
  const { kind, message } = reason
  const sentences = [`The ledger ${resolve(path)} cannot be used: ${message}`, advice[kind]].filter(Boolean)
  return new LedgerUnavailable({ kind, message: `${sentences.join(". ")}.` })
}

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
    const log = makeLog(options.path)
    let commits = 0
    return {
      apply: (asked) => {
        const before = book.commits()
        const answered = runner.run(book.apply(asked))
        const made = book.commits() - before
        if (made === 0 || asked.every(({ name }) => unsynced.has(name) || queries.has(name))) return answered
        try {
          log.sync()
        } catch (error) {
          const refused = new LedgerUnavailable({ kind: "lost", message: (error as Error).message })
          return asked.map(() => ({ refused }))
        }
        commits += made
        return answered
      },
      commits: () => commits,
      version: () => version.get()!["data_version"] as number,
      close: () => {
        db.close()
        log.close()
      },
    }
  } catch (error) {
    throw new Refusal(cannotOpen(options.path, reasonOf(error)))
  }
}

/**
 * The log that SQLite appends commits to. It is synced here, and not by SQLite (`synchronous = FULL`), which has the disk write down with
 * each commit when the file was last changed, too: half of what a commit waits for, and of no use.
 */
const makeLog = (path: string) => {
  let file: number | undefined
  return {
    sync: () => {
      if (path !== ":memory:") fdatasyncSync((file ??= openSync(`${path}-wal`, "r+")))
    },
    close: () => {
      if (file !== undefined) closeSync(file)
    },
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
      db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864")
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

/** `workerData` of a ledger's thread. */
export type LedgerWorkerData = BookOptions

/**
 * What a ledger's thread is asked: to open the ledger, or to apply a group, for which it opens it if it is not open. That it cannot be
 * opened is an answer.
 */
export type LedgerQuestion = { readonly open: true } | { readonly apply: ReadonlyArray<Asked> }

/** Questions and answers are plain data; reasons are classes, which are taken apart on one side and made again on the other. */
type Sent = { readonly answer: unknown } | { readonly refused: unknown }

/** @property version another one once another process has changed the ledger */
export type LedgerAnswer =
  | { readonly cannotOpen: unknown }
  | { readonly answered: ReadonlyArray<Sent>; readonly commits: number; readonly version: number }

export const takeApart = Schema.encodeSync(BillingReason)
export const makeAgain = Schema.decodeUnknownSync(BillingReason)

export const sent = (answered: Answered): Sent =>
  "refused" in answered ? { refused: takeApart(answered.refused) } : answered

export const received = (one: Sent): Answered => ("refused" in one ? { refused: makeAgain(one.refused) } : one)
