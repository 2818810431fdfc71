import { type Account, type AccountState, anonymous, type Terms } from "../Account.ts"
import type { ApiKey } from "../ApiKey.ts"
import { UnknownAccount, UnknownKey } from "../BillingError.ts"
import type { Entry } from "../Entry.ts"
import type { Operations } from "../Operations.ts"
import { append, entryOf, spentInMonth } from "./Entries.ts"
import { Refusal } from "./Refusal.ts"
import type { Row, Rows } from "./Rows.ts"

type Names =
  | "openAccount"
  | "changeAccount"
  | "changeAccountState"
  | "account"
  | "accounts"
  | "post"
  | "addKey"
  | "keys"
  | "revokeKey"
  | "keyByHash"

export const termsOf = (row: Row): Terms =>
  row["kind"] === "prepaid"
    ? { kind: "prepaid", overdraft: row["overdraft"] as number }
    : { kind: "metered", monthlyCap: row["monthly_cap"] as number | null }

export const stateOf = (row: Row): AccountState => row["state"] as AccountState

const columnsOf = (terms: Terms) =>
  [
    terms.kind,
    terms.kind === "prepaid" ? terms.overdraft : 0,
    terms.kind === "metered" ? terms.monthlyCap : null,
  ] as const

export const accountRow = (rows: Rows, id: string): Row => {
  const row = rows.one("SELECT * FROM accounts WHERE id = ?", id)
  if (row === undefined) throw new Refusal(new UnknownAccount({ accountId: id }))
  return row
}

/** Sum of the live holds of an account, or of one of its keys; with `dueAfter`, of those that expire later. */
export const heldBy = (rows: Rows, accountId: string, keyId: string | null = null, dueAfter = 0): number =>
  rows.one(
    "SELECT coalesce(sum(amount), 0) AS held FROM holds WHERE account_id = ?1 AND state = 'held' AND (?2 IS NULL OR key_id = ?2) AND expires_at > ?3",
    accountId,
    keyId,
    dueAfter,
  )?.["held"] as number

const toAccount = (rows: Rows, row: Row, now: number): Account => ({
  id: row["id"] as string,
  name: row["name"] as string,
  terms: termsOf(row),
  state: stateOf(row),
  createdAt: row["created_at"] as number,
  balance: row["balance"] as number,
  held: heldBy(rows, row["id"] as string),
  spentThisMonth: spentInMonth(rows, row["id"] as string, now),
})

const toKey = (row: Row): ApiKey => ({
  id: row["id"] as string,
  accountId: row["account_id"] as string,
  name: row["name"] as string,
  hint: row["hint"] as string,
  createdAt: row["created_at"] as number,
  expiresAt: row["expires_at"] as number | null,
  revokedAt: row["revoked_at"] as number | null,
  limits: {
    requestsPerMinute: row["requests_per_minute"] as number | null,
    charactersPerMinute: row["characters_per_minute"] as number | null,
    monthlyCap: row["monthly_cap"] as number | null,
  },
})

export const keyById = (rows: Rows, id: string): ApiKey => {
  const row = rows.one("SELECT * FROM keys WHERE id = ?", id)
  if (row === undefined) throw new Refusal(new UnknownKey({ keyId: id }))
  return toKey(row)
}

/** What a closed account takes no more; `refused` completes "The account … is closed: ". */
const refuseClosed = (row: Row, refused: string) => {
  if (stateOf(row) === "closed") throw Refusal.notAccepted(`The account ${String(row["id"])} is closed: ${refused}.`)
}

const kindOf = ({ kind }: Entry) => (kind === "adjustment" ? "an adjustment" : `a ${kind}`)

export const accountOperations = (rows: Rows): Pick<Operations, Names> => ({
  openAccount: ({ id, name, terms, now }) => {
    rows.run(
      "INSERT INTO accounts (id, name, kind, overdraft, monthly_cap, created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      id,
      name,
      ...columnsOf(terms),
      now,
    )
    return toAccount(rows, accountRow(rows, id), now)
  },
  changeAccount: ({ id, name, terms, now }) => {
    const before = accountRow(rows, id)
    refuseClosed(before, "it cannot be changed")
    if (id === anonymous && terms?.kind === "prepaid") {
      throw Refusal.notAccepted(
        `The account ${anonymous} pays for requests without a key, so it stays metered: prepaid, it would refuse all of them. To limit them, give it a monthly cap.`,
      )
    }
    rows.run(
      "UPDATE accounts SET name = ?, kind = ?, overdraft = ?, monthly_cap = ? WHERE id = ?",
      name ?? (before["name"] as string),
      ...columnsOf(terms ?? termsOf(before)),
      id,
    )
    return toAccount(rows, accountRow(rows, id), now)
  },
  changeAccountState: ({ id, state, now }) => {
    const before = stateOf(accountRow(rows, id))
    if (id === anonymous && state !== "open") {
      throw Refusal.notAccepted(
        `The account ${anonymous} pays for requests without a key, so it stays open. To let in nobody without a key, set AVIARY_ACCESS=keys.`,
      )
    }
    if (before === "closed" && state !== "closed") {
      throw Refusal.notAccepted(`The account ${id} is closed for good. Open another.`)
    }
    rows.run("UPDATE accounts SET state = ? WHERE id = ?", state, id)
    if (state === "closed") {
      rows.run("UPDATE keys SET revoked_at = ? WHERE account_id = ? AND revoked_at IS NULL", now, id)
    }
    return toAccount(rows, accountRow(rows, id), now)
  },
  account: ({ id, now }) => toAccount(rows, accountRow(rows, id), now),
  accounts: ({ now }) =>
    rows.all("SELECT * FROM accounts ORDER BY created_at, id").map((row) => toAccount(rows, row, now)),

  post: ({ operationId, accountId, kind, amount, reason, now }) => {
    const before = entryOf(rows, operationId)
    if (before !== undefined) {
      const same = before.accountId === accountId && before.kind === kind && before.amount === amount
      if (same && before.reason === reason) return before
      throw Refusal.notAccepted(
        `This operation id made another entry before: ${kindOf(before)} of ${before.amount} micro-units to ${before.accountId}${before.reason === null ? "" : ` ("${before.reason}")`}. Repeat exactly that, or choose another id.`,
      )
    }
    if (kind === "deposit" ? amount <= 0 : amount === 0) {
      throw Refusal.notAccepted(kind === "deposit" ? "A deposit is above zero." : "An adjustment is not zero.")
    }
    const account = accountRow(rows, accountId)
    if (kind === "deposit") refuseClosed(account, "it takes no deposit. Its balance can be adjusted, with a reason")
    // Far enough below 2^53 that no charge can carry a balance past it.
    if (Math.abs((account["balance"] as number) + amount) > 4e15) {
      throw Refusal.notAccepted("The balance would pass 4,000,000,000.00, above or below zero.")
    }
    return append(rows, {
      operationId,
      at: now,
      accountId,
      kind,
      amount,
      reason,
      keyId: null,
      holdId: null,
      usage: null,
      model: null,
      quantity: null,
      served: null,
      rateVersion: null,
    })
  },

  addKey: ({ id, accountId, name, hint, hash, expiresAt, limits, now }) => {
    refuseClosed(accountRow(rows, accountId), "it gets no more keys")
    if (expiresAt !== null && expiresAt <= now) {
      throw Refusal.notAccepted(`The key would have expired already, at ${new Date(expiresAt).toISOString()}.`)
    }
    rows.run(
      `INSERT INTO keys (id, account_id, name, hint, hash, created_at, expires_at, requests_per_minute, characters_per_minute, monthly_cap)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      id,
      accountId,
      name,
      hint,
      hash,
      now,
      expiresAt,
      limits.requestsPerMinute,
      limits.charactersPerMinute,
      limits.monthlyCap,
    )
    return keyById(rows, id)
  },
  keys: ({ accountId }) => {
    if (accountId !== null) accountRow(rows, accountId)
    return rows
      .all("SELECT * FROM keys WHERE ?1 IS NULL OR account_id = ?1 ORDER BY created_at, id", accountId)
      .map(toKey)
  },
  revokeKey: ({ id, now }) => {
    rows.run("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now, id)
    return keyById(rows, id)
  },
  keyByHash: ({ hash }) => {
    const row = rows.one(
      "SELECT keys.*, state FROM keys JOIN accounts ON accounts.id = account_id WHERE hash = ?",
      hash,
    )
    return row === undefined ? null : { key: toKey(row), hash: row["hash"] as string, accountState: stateOf(row) }
  },
})
