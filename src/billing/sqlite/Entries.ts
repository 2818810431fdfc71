import type { Entry } from "../Entry.ts"
import type { Row, Rows } from "./Rows.ts"

/** The UTC calendar month of a moment: `2026-11`. */
export const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7)

export const toEntry = (row: Row): Entry =>
  ({
    id: row["id"],
    operationId: row["operation_id"],
    at: row["at"],
    accountId: row["account_id"],
    keyId: row["key_id"],
    holdId: row["hold_id"],
    kind: row["kind"],
    amount: row["amount"],
    balance: row["balance"],
    usage: row["usage"],
    model: row["model"],
    quantity: row["quantity"],
    served: row["served"],
    rateVersion: row["rate_version"],
    reason: row["reason"],
  }) as Entry

/** Appends an entry and moves the running balance with it. The cast: `node:sqlite` binds every number as REAL. */
export const append = (rows: Rows, entry: Omit<Entry, "id" | "balance">): Entry => {
  const balance = rows.one(
    "UPDATE accounts SET balance = balance + CAST(? AS INTEGER) WHERE id = ? RETURNING balance",
    entry.amount,
    entry.accountId,
  )?.["balance"]
  const row = rows.one(
    `INSERT INTO entries (operation_id, at, account_id, key_id, hold_id, kind, amount, balance, usage, model, quantity, served, rate_version, reason)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
    entry.operationId,
    entry.at,
    entry.accountId,
    entry.keyId,
    entry.holdId,
    entry.kind,
    entry.amount,
    balance as number,
    entry.usage,
    entry.model,
    entry.quantity,
    entry.served,
    entry.rateVersion,
    entry.reason,
  )
  return { ...entry, id: row?.["id"] as number, balance: balance as number }
}

/** Operation ids of the two entries that a hold can make. */
export const chargeId = (holdId: string) => `charge:${holdId}`
export const refundId = (holdId: string) => `refund:${holdId}`

/** The entry an operation made, if it did. */
export const entryOf = (rows: Rows, operationId: string): Entry | undefined => {
  const row = rows.one("SELECT * FROM entries WHERE operation_id = ?", operationId)
  return row && toEntry(row)
}

/** Counts `amount` into the month's spending of an account and a key. */
export const spend = (rows: Rows, accountId: string, keyId: string | null, at: number, amount: number): void => {
  for (const subject of keyId === null ? [accountId] : [accountId, keyId]) {
    rows.run(
      "INSERT INTO spending (subject, month, spent) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET spent = spent + excluded.spent",
      subject,
      monthOf(at),
      amount,
    )
  }
}

export const spentInMonth = (rows: Rows, subject: string, at: number): number =>
  (rows.one("SELECT spent FROM spending WHERE subject = ? AND month = ?", subject, monthOf(at))?.["spent"] as
    | number
    | undefined) ?? 0
