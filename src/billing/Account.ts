import { Schema } from "effect"

const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000_000_000 }))

/** Pays first: balance less live holds never passes below zero less `overdraft` (micro-units). */
export const Prepaid = Schema.Struct({ kind: Schema.Literal("prepaid"), overdraft: Amount })

/** Pays later: charges and live holds of a UTC calendar month stay within `monthlyCap` (micro-units), if there is one. */
export const Metered = Schema.Struct({ kind: Schema.Literal("metered"), monthlyCap: Schema.NullOr(Amount) })

export const Terms = Schema.Union([Prepaid, Metered])
export type Terms = typeof Terms.Type

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
  createdAt: Schema.Int,
  balance: Schema.Int,
  held: Schema.Int,
  spentThisMonth: Schema.Int,
})
export type Account = typeof Account.Type

/** The built-in metered account of requests without a key. */
export const anonymous = "anonymous"
