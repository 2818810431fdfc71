import { Schema } from "effect"
import { Served } from "./Usage.ts"

export const EntryKind = Schema.Literals(["deposit", "adjustment", "charge", "refund"])
export type EntryKind = typeof EntryKind.Type

/**
 * One line of an account's book. Entries are never changed and never removed; a balance is their sum.
 *
 * @property id grows with each entry of the ledger
 * @property operationId server-made; unique, so that an operation repeated makes no second entry
 * @property at Unix milliseconds
 * @property amount micro-units, signed: charges are negative
 * @property balance the account's balance right after
 * @property quantity code points of speech, begun seconds of transcription, of what was handed over; negative for a refund
 * @property reason why an adjustment or refund was made, or only a part charged
 */
export const LedgerEntry = Schema.Struct({
  id: Schema.Int,
  operationId: Schema.String,
  at: Schema.Int,
  accountId: Schema.String,
  keyId: Schema.NullOr(Schema.String),
  holdId: Schema.NullOr(Schema.String),
  kind: EntryKind,
  amount: Schema.Int,
  balance: Schema.Int,
  usage: Schema.NullOr(Schema.Literals(["speech", "transcription"])),
  model: Schema.NullOr(Schema.String),
  quantity: Schema.NullOr(Schema.Int),
  served: Schema.NullOr(Served),
  rateVersion: Schema.NullOr(Schema.Int),
  reason: Schema.NullOr(Schema.String),
})
export type LedgerEntry = typeof LedgerEntry.Type
