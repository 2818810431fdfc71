import type { BillingReason } from "../BillingError.ts"

/**
 * What databases say differently. All other statements of the book are written so that SQLite and PostgreSQL take them alike: `CAST(? AS
 * BIGINT)`, `CASE` for the larger of two, `ON CONFLICT (column) DO UPDATE`, quoted names of answers, `NULLS FIRST`, flags as 0 and 1.
 * What only one of them knows (`PRAGMA`, triggers, how it is opened) is in its own folder.
 *
 * @property members a subquery of the members of a JSON array of texts
 */
export interface Dialect {
  readonly members: (json: string) => string
}

/**
 * How a book has its transactions, on a connection that is its own.
 *
 * @property begin begins a transaction that no other writer comes between: rules read, decide and then write
 * @property rollback ends it without a trace; answers also where an error has ended it already
 * @property reasonOf what the database threw, as a reason. `committing`: thrown by COMMIT, which may or may not have been made then
 */
export interface Transactions {
  readonly begin: string
  readonly rollback: string
  readonly reasonOf: (error: unknown, committing?: boolean) => BillingReason
}
