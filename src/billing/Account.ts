import { Schema } from "effect"
import { AccountClosed, AccountFrozen } from "./BillingError.ts"
import { wholeNumber, wholeNumbers } from "./WholeNumber.ts"

/** Micro-units that one amount may have: 1,000,000,000.00. */
export const largestAmount = 1_000_000_000_000_000

const amounts = wholeNumbers(0, largestAmount, "micro-units")
const Amount = wholeNumber(0, largestAmount, amounts)
const Cap = Schema.NullOr(Amount).annotate({ message: `${amounts}, or null for none` })

/** Pays first: balance less live holds never passes below zero less `overdraft` (micro-units). */
const Prepaid = Schema.Struct({ kind: Schema.Literal("prepaid"), overdraft: Amount })

/** Pays later: charges and live holds of a UTC calendar month stay within `monthlyCap` (micro-units), if there is one. */
const Metered = Schema.Struct({ kind: Schema.Literal("metered"), monthlyCap: Cap })

export const Terms = Schema.Union([Prepaid, Metered]).annotate({
  message: 'expected {"kind":"prepaid","overdraft":0} or {"kind":"metered","monthlyCap":null}, in micro-units',
})
export type Terms = typeof Terms.Type

/**
 * - `open`
 * - `frozen`: its keys are refused and nothing new is begun for it, until it is unfrozen. What is under way goes on and is charged
 * - `closed`: the same for good, and its keys are revoked. Its entries and its balance stay, which only adjustments change
 */
export const AccountState = Schema.Literals(["open", "frozen", "closed"])
export type AccountState = typeof AccountState.Type

/**
 * Who pays.
 *
 * @property balance sum of the account's entries, in micro-units; below zero it is owed
 * @property held sum of its live holds, in micro-units
 * @property spentThisMonth charges less refunds of the UTC calendar month, in micro-units
 */
export const Account = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  terms: Terms,
  state: AccountState,
  createdAt: Schema.Int,
  balance: Schema.Int,
  held: Schema.Int,
  spentThisMonth: Schema.Int,
})
export type Account = typeof Account.Type

/** The built-in metered account of requests without a key. */
export const anonymous = "anonymous"

/** Why nothing may be begun for an account, or undefined. */
export const stopped = (accountId: string, state: AccountState): AccountFrozen | AccountClosed | undefined => {
  switch (state) {
    case "open":
      return undefined
    case "frozen":
      return new AccountFrozen({ accountId })
    case "closed":
      return new AccountClosed({ accountId })
  }
}
