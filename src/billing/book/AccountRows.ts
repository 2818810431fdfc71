import type { Account, AccountState, Terms } from "../Account.ts"
import { UnknownAccount } from "../BillingError.ts"
import { spentInMonth } from "./Entries.ts"
import { Refusal } from "./Refusal.ts"
import { one, type Row, type Rule } from "./Statement.ts"

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

export function* toAccount(row: Row, now: number): Rule<Account> {
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
