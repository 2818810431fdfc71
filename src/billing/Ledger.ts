import { Context, type Effect } from "effect"
import type { BillingError } from "./BillingError.ts"
import type { Answer, OperationName, Question } from "./Operations.ts"

interface Service {
  /** Asks for one operation. A change is durable when it is answered; a reason is a `BillingError`. */
  readonly run: <K extends OperationName>(name: K, input: Question<K>) => Effect.Effect<Answer<K>, BillingError>
  /** Fails while the ledger can do nothing. Writes only where the last that was asked of it could not be done. */
  readonly check: Effect.Effect<void, BillingError>
  /** Transactions committed so far, each of which synced the log to disk. */
  readonly commits: Effect.Effect<number>
}

/**
 * Durable accounts, keys, rates, holds and entries. Knows no clock and makes no ids: whoever asks brings them. What it does is in `book/`;
 * its layers are with the database that keeps it.
 */
export class Ledger extends Context.Service<Ledger, Service>()("aviary/billing/Ledger") {}
