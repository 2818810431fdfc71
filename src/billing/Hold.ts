import type { Served, Usage } from "./Usage.ts"

/** `held` is live; the other three are ends, of which a hold has exactly one. */
export type HoldState = "held" | "settled" | "released" | "expired"

/** Money reserved for one request. Times are Unix milliseconds. */
export interface Hold {
  readonly id: string
  /** What the request at hand goes by: the hold's `id`, or an id of its own where the hold is `replayed`. */
  readonly claim: string
  readonly accountId: string
  readonly keyId: string | null
  readonly usage: Usage
  /** Micro-units: the price if nothing is spared, which is what a MISS costs; of a `charge`, what was charged. */
  readonly amount: number
  readonly rateVersion: number
  readonly state: HoldState
  /** Why it was released or expired. */
  readonly reason: string | null
  readonly createdAt: number
  /** When it may be taken for ownerless. */
  readonly expiresAt: number
  /** An earlier request with the same idempotency key has settled this hold: the work is paid, settling again charges nothing. */
  readonly replayed: boolean
  /** What that request left with `settle`, if this one repeats it. */
  readonly outcome: string | null
}

/** A charge that is durable. */
export interface Settlement {
  readonly holdId: string
  readonly accountId: string
  /** What was charged, in micro-units; never more than the hold. */
  readonly amount: number
  /** The account's right after, in micro-units. */
  readonly balance: number
  readonly served: Served
  /** Unix milliseconds. */
  readonly settledAt: number
  /** It had been charged before; nothing changed. */
  readonly replayed: boolean
}
