import { Schema } from "effect"
import { BillingReason } from "../BillingError.ts"
import type { Answered, Asked } from "../Operations.ts"
import type { BookOptions } from "./SqliteBook.ts"

/** `workerData` of a ledger's thread. */
export type LedgerWorkerData = BookOptions

/**
 * What a ledger's thread is asked: to open the ledger, or to apply a group, for which it opens it if it is not open. That it cannot be
 * opened is an answer.
 */
export type LedgerQuestion = { readonly open: true } | { readonly apply: ReadonlyArray<Asked> }

/** Questions and answers are plain data; reasons are classes, which are taken apart on one side and made again on the other. */
type Sent = { readonly answer: unknown } | { readonly refused: unknown }

/** @property version another one once another process has changed the ledger */
export type LedgerAnswer =
  | { readonly cannotOpen: unknown }
  | { readonly answered: ReadonlyArray<Sent>; readonly commits: number; readonly version: number }

export const takeApart = Schema.encodeSync(BillingReason)
export const makeAgain = Schema.decodeUnknownSync(BillingReason)

export const sent = (answered: Answered): Sent =>
  "refused" in answered ? { refused: takeApart(answered.refused) } : answered

export const received = (one: Sent): Answered => ("refused" in one ? { refused: makeAgain(one.refused) } : one)
