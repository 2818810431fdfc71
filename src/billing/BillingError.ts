import { Schema } from "effect"

/** The prepaid account cannot pay; `available` and `needed` in micro-units. */
export class InsufficientQuota extends Schema.TaggedError<InsufficientQuota>()("InsufficientQuota", {
  available: Schema.Int,
  needed: Schema.Int,
}) {}

/** The month's cap of the account or the key would be passed; micro-units, `used` counts charges and live holds. */
export class CapReached extends Schema.TaggedError<CapReached>()("CapReached", {
  scope: Schema.Literals(["account", "key"]),
  cap: Schema.Int,
  used: Schema.Int,
  needed: Schema.Int,
}) {}

/**
 * The ledger cannot say, so nothing may be delivered.
 *
 * - `locked` another process keeps the database; `full` no room; `corrupt` damaged or no ledger; `newer` written by a newer Aviary
 * - `mismatch` its running balances or its currency disagree with what is asked; `overloaded` too many operations wait
 * - `lost` whether the operation was made is not known; `failed` anything else, and it was not made
 */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>()("LedgerUnavailable", {
  kind: Schema.Literals(["locked", "full", "corrupt", "newer", "mismatch", "overloaded", "lost", "failed"]),
  message: Schema.String,
}) {}

/** The hold had ended otherwise before it could be settled. */
export class AlreadyReleased extends Schema.TaggedError<AlreadyReleased>()("AlreadyReleased", {
  holdId: Schema.String,
  how: Schema.Literals(["released", "expired", "refunded", "unknown"]),
  reason: Schema.String,
}) {}

/** No such key. Carries nothing of what was presented. */
export class InvalidKey extends Schema.TaggedError<InvalidKey>()("InvalidKey", {}) {}

/** `at` in Unix milliseconds. */
export class KeyExpired extends Schema.TaggedError<KeyExpired>()("KeyExpired", {
  keyId: Schema.String,
  at: Schema.Int,
}) {}

/** `at` in Unix milliseconds. */
export class KeyRevoked extends Schema.TaggedError<KeyRevoked>()("KeyRevoked", {
  keyId: Schema.String,
  at: Schema.Int,
}) {}

/** Nothing new is begun for the account until an operator unfreezes it. */
export class AccountFrozen extends Schema.TaggedError<AccountFrozen>()("AccountFrozen", { accountId: Schema.String }) {}

/** Nothing is begun for the account any more. */
export class AccountClosed extends Schema.TaggedError<AccountClosed>()("AccountClosed", { accountId: Schema.String }) {}

/** More than `max` requests or characters (code points) in a minute. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  limit: Schema.Literals(["requests", "characters"]),
  max: Schema.Int,
  retryAfterMs: Schema.Int,
}) {}

/** The text alone has more characters (code points) than the key may have spoken in a minute: no wait helps. */
export class TextAboveLimit extends Schema.TaggedError<TextAboveLimit>()("TextAboveLimit", {
  max: Schema.Int,
  requested: Schema.Int,
}) {}

/** The idempotency key came with another body before. */
export class IdempotencyConflict extends Schema.TaggedError<IdempotencyConflict>()("IdempotencyConflict", {}) {}

/** The first request with this idempotency key is still at work, or died and its hold has not expired yet. */
export class IdempotencyInProgress extends Schema.TaggedError<IdempotencyInProgress>()("IdempotencyInProgress", {}) {}

export class UnknownAccount extends Schema.TaggedError<UnknownAccount>()("UnknownAccount", {
  accountId: Schema.String,
}) {}

export class UnknownKey extends Schema.TaggedError<UnknownKey>()("UnknownKey", { keyId: Schema.String }) {}

export class UnknownRates extends Schema.TaggedError<UnknownRates>()("UnknownRates", { version: Schema.Int }) {}

/** An operator asked for what cannot be: `message` says what and why. */
export class NotAccepted extends Schema.TaggedError<NotAccepted>()("NotAccepted", { message: Schema.String }) {}

export const BillingReason = Schema.Union([
  InsufficientQuota,
  CapReached,
  LedgerUnavailable,
  AlreadyReleased,
  InvalidKey,
  KeyExpired,
  KeyRevoked,
  AccountFrozen,
  AccountClosed,
  RateLimited,
  TextAboveLimit,
  IdempotencyConflict,
  IdempotencyInProgress,
  UnknownAccount,
  UnknownKey,
  UnknownRates,
  NotAccepted,
])
export type BillingReason = typeof BillingReason.Type

/** Why a request may not be served, or an operator's wish not be done. */
export class BillingError extends Schema.TaggedError<BillingError>()("BillingError", { reason: BillingReason }) {
  static readonly unavailable = (kind: LedgerUnavailable["kind"], message: string): BillingError =>
    new BillingError({ reason: new LedgerUnavailable({ kind, message }) })

  /** Others are in the way of what was asked, so that nothing was done: it may be asked again later. */
  get isLocked(): boolean {
    return this.reason._tag === "LedgerUnavailable" && this.reason.kind === "locked"
  }

  override get message(): string {
    return "message" in this.reason && this.reason.message !== "" ? this.reason.message : this.reason._tag
  }
}
