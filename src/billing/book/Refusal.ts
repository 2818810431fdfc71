import { type BillingReason, LedgerUnavailable, NotAccepted } from "../BillingError.ts"

/** Thrown by an operation that answers with a reason instead. Such an operation has changed nothing that must be undone. */
export class Refusal extends Error {
  readonly reason: BillingReason
  constructor(reason: BillingReason) {
    super(reason._tag)
    this.reason = reason
  }

  static readonly notAccepted = (message: string): Refusal => new Refusal(new NotAccepted({ message }))

  static readonly unavailable = (kind: LedgerUnavailable["kind"], message: string): Refusal =>
    new Refusal(new LedgerUnavailable({ kind, message }))
}
