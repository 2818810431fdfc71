import { type BillingReason, LedgerUnavailable } from "../BillingError.ts"
import type { Dialect, Transactions } from "../book/Dialect.ts"
import { Refusal } from "../book/Refusal.ts"

// The low byte of SQLite's extended result codes: https://sqlite.org/rescode.html
const kinds = new Map<number, LedgerUnavailable["kind"]>([
  [5, "locked"],
  [6, "locked"],
  [11, "corrupt"],
  [13, "full"],
  [26, "corrupt"],
])

const ioError = 10

/** What SQLite threw, as a reason. `committing`: the error came from COMMIT, after which a failed write may or may not have reached the disk. */
export const reasonOf = (error: unknown, committing = false): BillingReason => {
  if (error instanceof Refusal) return error.reason
  const { errcode, errstr, message } = error as { errcode?: number; errstr?: string; message?: string }
  const code = (errcode ?? 0) & 0xff
  const kind = kinds.get(code) ?? (committing && code === ioError ? "lost" : "failed")
  return new LedgerUnavailable({
    kind,
    message: errstr === undefined || errstr === message ? (message ?? String(error)) : `${errstr}: ${message}`,
  })
}

export const sqliteDialect: Dialect & Transactions = {
  begin: "BEGIN IMMEDIATE",
  rollback: "ROLLBACK",
  members: (json) => `SELECT value FROM json_each(${json})`,
  reasonOf,
}
