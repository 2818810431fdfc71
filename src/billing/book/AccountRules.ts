import { type Account, type AccountState, anonymous, type Terms } from "../Account.ts"
import type { Question } from "../Operations.ts"
import type { LedgerEntry } from "../LedgerEntry.ts"
import { append, entryOf, spentInMonth } from "./Entries.ts"
import { Refusal } from "./Refusal.ts"
import { all, change, one, type Row, type Rule, type Rules } from "./Statement.ts"
import { UnknownAccount } from "../BillingError.ts"

export const termsOf = (row: Row): Terms =>
  row["kind"] === "prepaid"
    ? { kind: "prepaid", overdraft: row["overdraft"] as number }
    : { kind: "metered", monthlyCap: row["monthly_cap"] as number | null }

export const stateOf = (row: Row): AccountState => row["state"] as AccountState

export function* accountRow(id: string): Rule<Row> {
  const row = yield* one("SELECT * FROM accounts WHERE id = ?", id)
  if (row === undefined) throw new Refusal(new UnknownAccount({ accountId: id }))
  return row
}

/** What a closed account takes no more; `refused` completes "The account … is closed: ". */
export const refuseClosed = (row: Row, refused: string): void => {
  if (stateOf(row) === "closed") throw Refusal.notAccepted(`The account ${String(row["id"])} is closed: ${refused}.`)
}

const live = "SELECT coalesce(sum(amount), 0) AS held FROM holds WHERE account_id = ? AND state = 'held'"

/** Sum of the live holds of an account. */
function* heldBy(accountId: string): Rule<number> {
  return (yield* one(live, accountId))?.["held"] as number
}

function* toAccount(row: Row, now: number): Rule<Account> {
  const id = row["id"] as string
  return {
    id,
    name: row["name"] as string,
    terms: termsOf(row),
    state: stateOf(row),
    createdAt: row["created_at"] as number,
    balance: row["balance"] as number,
    held: yield* heldBy(id),
    spentThisMonth: yield* spentInMonth(id, now),
  }
}

const columnsOf = (terms: Terms) =>
  [
    terms.kind,
    terms.kind === "prepaid" ? terms.overdraft : 0,
    terms.kind === "metered" ? terms.monthlyCap : null,
  ] as const

type Names = "openAccount" | "changeAccount" | "changeAccountState" | "account" | "accounts" | "post"

export const accountRules: Rules<Names> = {
  *openAccount({ id, name, terms, now }) {
    yield* change(
      "INSERT INTO accounts (id, name, kind, overdraft, monthly_cap, created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      id,
      name,
      ...columnsOf(terms),
      now,
    )
    return yield* toAccount(yield* accountRow(id), now)
  },

  *changeAccount({ id, name, terms, now }) {
    const before = yield* accountRow(id)
    refuseClosed(before, "it cannot be changed")
    if (id === anonymous && terms?.kind === "prepaid") {
      throw Refusal.notAccepted(
        `The account ${anonymous} pays for requests without a key, so it stays metered: prepaid, it would refuse all of them. To limit them, give it a monthly cap.`,
      )
    }
    yield* change(
      "UPDATE accounts SET name = ?, kind = ?, overdraft = ?, monthly_cap = ? WHERE id = ?",
      name ?? (before["name"] as string),
      ...columnsOf(terms ?? termsOf(before)),
      id,
    )
    return yield* toAccount(yield* accountRow(id), now)
  },

  *changeAccountState({ id, state, now }) {
    const before = stateOf(yield* accountRow(id))
    if (id === anonymous && state !== "open") {
      throw Refusal.notAccepted(
        `The account ${anonymous} pays for requests without a key, so it stays open. To let in nobody without a key, set AVIARY_ACCESS=keys.`,
      )
    }
    if (before === "closed" && state !== "closed") {
      throw Refusal.notAccepted(`The account ${id} is closed for good. Open another.`)
    }
    yield* change("UPDATE accounts SET state = ? WHERE id = ?", state, id)
    if (state === "closed") {
      yield* change("UPDATE keys SET revoked_at = ? WHERE account_id = ? AND revoked_at IS NULL", now, id)
    }
    return yield* toAccount(yield* accountRow(id), now)
  },

  *account({ id, now }) {
    return yield* toAccount(yield* accountRow(id), now)
  },

  *accounts({ now }) {
    const accounts = []
    for (const row of yield* all("SELECT * FROM accounts ORDER BY created_at, id"))
      accounts.push(yield* toAccount(row, now))
    return accounts
  },

  post,
}

const kindOf = ({ kind }: LedgerEntry) => (kind === "adjustment" ? "an adjustment" : `a ${kind}`)

function* post({ operationId, accountId, kind, amount, reason, now }: Question<"post">): Rule<LedgerEntry> {
  const before = yield* entryOf(operationId)
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
  const account = yield* accountRow(accountId)
  if (kind === "deposit") refuseClosed(account, "it takes no deposit. Its balance can be adjusted, with a reason")
  // Far enough below 2^53 that no charge can carry a balance past it.
  if (Math.abs((account["balance"] as number) + amount) > 4e15) {
    throw Refusal.notAccepted("The balance would pass 4,000,000,000.00, above or below zero.")
  }
  return yield* append({
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
}
