import type { LedgerEntry } from "../LedgerEntry.ts"
import { one, type Row, type Rule, write } from "./Statement.ts"

let month = { from: 0, until: 0, name: "" }

/** The UTC calendar month of a moment: `2026-11`. Kept from one to the next: every charge asks, and a date costs as much as a statement. */
export const monthOf = (at: number): string => {
  if (at < month.from || at >= month.until) {
    const date = new Date(at)
    const [year, index] = [date.getUTCFullYear(), date.getUTCMonth()]
    month = { from: Date.UTC(year, index), until: Date.UTC(year, index + 1), name: date.toISOString().slice(0, 7) }
  }
  return month.name
}

export const toEntry = (row: Row): LedgerEntry =>
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
  }) as LedgerEntry

type NewEntry = Omit<LedgerEntry, "id" | "balance">

const insert = `INSERT INTO entries (operation_id, at, account_id, key_id, hold_id, kind, amount, balance, usage, model, quantity, served, rate_version, reason)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const valuesOf = (entry: NewEntry, balance: number) => [
  entry.operationId,
  entry.at,
  entry.accountId,
  entry.keyId,
  entry.holdId,
  entry.kind,
  entry.amount,
  balance,
  entry.usage,
  entry.model,
  entry.quantity,
  entry.served,
  entry.rateVersion,
  entry.reason,
]

/** Moves the running balance; answers with what it is then. The cast: `node:sqlite` binds every number as REAL. */
function* move({ accountId, amount }: NewEntry): Rule<number> {
  const moved = yield* one(
    "UPDATE accounts SET balance = balance + CAST(? AS BIGINT) WHERE id = ? RETURNING balance",
    amount,
    accountId,
  )
  return moved?.["balance"] as number
}

/** Appends an entry, moving the running balance with it, and answers with it. */
export function* append(entry: NewEntry): Rule<LedgerEntry> {
  const balance = yield* move(entry)
  const row = yield* one(`${insert} RETURNING id`, ...valuesOf(entry, balance))
  return { ...entry, id: row?.["id"] as number, balance }
}

/** The same, of which nothing but the balance is wanted. */
export function* enter(entry: NewEntry): Rule<number> {
  const balance = yield* move(entry)
  yield* write(insert, ...valuesOf(entry, balance))
  return balance
}

/** Operation ids of the two entries that a hold can make. */
export const chargeId = (holdId: string) => `charge:${holdId}`
export const refundId = (holdId: string) => `refund:${holdId}`

/** The entry an operation made, if it did. */
export function* entryOf(operationId: string): Rule<LedgerEntry | undefined> {
  const row = yield* one("SELECT * FROM entries WHERE operation_id = ?", operationId)
  return row && toEntry(row)
}

const addTo = "ON CONFLICT (subject, month) DO UPDATE SET spent = spending.spent + excluded.spent"

/** Counts `amount` into the month's spending of an account and a key. */
export const spend = (accountId: string, keyId: string | null, at: number, amount: number): Rule<void> =>
  keyId === null
    ? write(`INSERT INTO spending (subject, month, spent) VALUES (?, ?, ?) ${addTo}`, accountId, monthOf(at), amount)
    : write(
        `INSERT INTO spending (subject, month, spent) VALUES (?1, ?3, ?4), (?2, ?3, ?4) ${addTo}`,
        accountId,
        keyId,
        monthOf(at),
        amount,
      )

export function* spentInMonth(subject: string, at: number): Rule<number> {
  const row = yield* one("SELECT spent FROM spending WHERE subject = ? AND month = ?", subject, monthOf(at))
  return (row?.["spent"] as number | undefined) ?? 0
}
