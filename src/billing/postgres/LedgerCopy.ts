import { Effect, type Scope } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Database, type Query, queryOn } from "../../database/Database.ts"
import { saidBy } from "../../database/DatabaseError.ts"
import { heard } from "../../database/Silence.ts"
import { BillingError } from "../BillingError.ts"
import { openBook } from "../sqlite/SqliteBook.ts"
import { Refusal } from "../book/Refusal.ts"

/** In an order in which nothing is named before it is there. */
const tables = [
  "meta",
  "accounts",
  "keys",
  "rates",
  "holds",
  "entries",
  "spending",
  "idempotency",
  "claims",
  "undelivered",
] as const
type Table = (typeof tables)[number]

/** Rows that go in one statement. */
const atOnce = 1_000

/** Two minutes: it adds up all there is, too. */
const longestStatement = 8

/** How many rows of each table were copied. */
export type Copied = Readonly<Record<Table, number>>

const refuse = (message: string) => BillingError.unavailable("failed", message)

/** The ledger at `path`, whole, up to date and ours alone: a gateway that is at work on it would go on without what is copied. */
const openSource = (path: string, currency: string): Effect.Effect<DatabaseSync, BillingError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        if (!existsSync(path))
          throw new Error(`There is no ledger at ${path}. Set AVIARY_DATA_DIR to the folder that it is in`)
        openBook({ path, currency }).close()
        const db = new DatabaseSync(path)
        try {
          db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        } catch {
          db.close()
          throw new Error(`The ledger ${path} is in use. Stop its gateway first`)
        }
        return db
      },
      catch: (error) =>
        error instanceof Refusal ? new BillingError({ reason: error.reason }) : refuse(`${(error as Error).message}.`),
    }),
    (db) => Effect.sync(() => db.close()),
  )

const isEmpty =
  "SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM holds) + (SELECT count(*) FROM keys) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM rates) - 2 AS rows"

/** What both must agree on, apart from how many rows there are. */
const sums = `SELECT coalesce(sum(amount), 0) AS amounts, coalesce(sum(balance), 0) AS balances, coalesce(max(id), 0) AS newest,
  (SELECT coalesce(sum(balance), 0) FROM accounts) AS owned, (SELECT coalesce(sum(spent), 0) FROM spending) AS spent,
  (SELECT coalesce(sum(amount), 0) FROM holds) AS held FROM entries`

const wrong =
  "SELECT id FROM accounts WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE account_id = accounts.id)"

const copyTable = Effect.fnUntraced(function* (source: DatabaseSync, query: Query, table: Table) {
  let copied = 0
  let rows: Array<unknown> = []
  const send = Effect.suspend(() => {
    const json = JSON.stringify(rows)
    copied += rows.length
    rows = []
    return query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1::json)`, json)
  })
  for (const row of source.prepare(`SELECT * FROM ${table}`).iterate()) {
    rows.push(row)
    if (rows.length === atOnce) yield* send
  }
  if (rows.length > 0) yield* send
  return copied
})

/** All of it in one transaction, which ends well only if the copy says of itself what the original does. */
const copyAll = Effect.fnUntraced(function* (
  source: DatabaseSync,
  query: Query,
): Effect.fn.Return<Copied, SqlError | BillingError> {
  yield* query("BEGIN")
  yield* query("SET LOCAL statement_timeout = 0")
  yield* query("SET LOCAL idle_in_transaction_session_timeout = 0")
  yield* query("LOCK TABLE accounts IN EXCLUSIVE MODE")
  const [found] = yield* query(isEmpty)
  if (found!["rows"] !== 0)
    return yield* refuse(
      "The database has a ledger already, which is left as it is. Set AVIARY_DATABASE_URL to an empty one.",
    )
  for (const table of ["meta", "rates", "accounts"]) yield* query(`DELETE FROM ${table}`)
  const copied: Record<string, number> = {}
  for (const table of tables) {
    copied[table] = yield* copyTable(source, query, table)
    const [there] = yield* query(`SELECT count(*) AS rows FROM ${table}`)
    const here = source.prepare(`SELECT count(*) AS rows FROM ${table}`).get()!
    if (there!["rows"] !== here["rows"])
      return yield* refuse(`Of ${table}, ${String(here["rows"])} rows became ${String(there!["rows"])}.`)
  }
  const [theirs] = yield* query(sums)
  const ours = source.prepare(sums).get()!
  for (const [name, value] of Object.entries(ours)) {
    if (theirs![name] !== value)
      return yield* refuse(`The sums differ: ${name} is ${String(value)} and became ${String(theirs![name])}.`)
  }
  const unbalanced = yield* query(wrong)
  if (unbalanced.length > 0)
    return yield* refuse(`The balance of ${String(unbalanced[0]!["id"])} is not the sum of its entries.`)
  yield* query("SELECT setval(pg_get_serial_sequence('entries', 'id'), greatest(1, (SELECT max(id) FROM entries)))")
  yield* query("COMMIT")
  return copied as Copied
})

/** Copies the ledger in SQLite at `path` into the database, which must be empty; all or nothing. Nothing of the original changes. */
export const copyLedger = (path: string, currency: string): Effect.Effect<Copied, BillingError, Database> =>
  Effect.gen(function* () {
    const database = yield* Database
    const source = yield* openSource(path, currency)
    const ask = queryOn(yield* database.connect)
    const query: Query = (sql, ...values) => heard(ask(sql, ...values), longestStatement)
    return yield* copyAll(source, query)
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) =>
      error._tag === "SqlError" ? refuse(`The ledger was not copied: ${saidBy(error).message}.`) : error,
    ),
  )
