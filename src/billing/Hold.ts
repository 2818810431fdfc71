import { Schema } from "effect"
import { Served, Usage } from "./Usage.ts"

/** `held` is live; the other three are ends, of which a hold has exactly one. */
export const HoldState = Schema.Literals(["held", "settled", "released", "expired"])
export type HoldState = typeof HoldState.Type

/**
 * Money reserved for one request, in micro-units.
 *
 * @property amount the price if nothing is spared, which is what a MISS costs; of a `charge`, what was charged
 * @property expiresAt when it may be taken for ownerless, in Unix milliseconds
 * @property reason why it was released or expired
 * @property claim what the request at hand goes by: the hold's `id`, or an id of its own where the hold is `replayed`
 * @property replayed an earlier request with the same idempotency key has settled this hold: the work is paid, settling again charges nothing
 * @property outcome what that request left with `settle`, if this one repeats it
 */
export const Hold = Schema.Struct({
  id: Schema.String,
  claim: Schema.String,
  accountId: Schema.String,
  keyId: Schema.NullOr(Schema.String),
  usage: Usage,
  amount: Schema.Int,
  rateVersion: Schema.Int,
  state: HoldState,
  reason: Schema.NullOr(Schema.String),
  createdAt: Schema.Int,
  expiresAt: Schema.Int,
  replayed: Schema.Boolean,
  outcome: Schema.NullOr(Schema.String),
})
export type Hold = typeof Hold.Type

/**
 * A charge that is durable.
 *
 * @property amount what was charged, in micro-units; never more than the hold
 * @property balance the account's balance right after
 * @property replayed it had been charged before; nothing changed
 */
export const Settlement = Schema.Struct({
  holdId: Schema.String,
  accountId: Schema.String,
  amount: Schema.Int,
  balance: Schema.Int,
  served: Served,
  settledAt: Schema.Int,
  replayed: Schema.Boolean,
})
export type Settlement = typeof Settlement.Type
