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
  /** Micro-units: what it costs as it will be served, or as a MISS, which costs the most, where that is not known yet. */
  readonly amount: number
  readonly rateVersion: number
  readonly state: HoldState
  /** Why it was released or expired, or charged for a part. */
  readonly reason: string | null
  readonly createdAt: number
  /** When it may be taken for ownerless. */
  readonly expiresAt: number
  /** An earlier request with the same idempotency key has settled this hold: the work is paid, settling again charges nothing. */
  readonly replayed: boolean
  /** What that request left with `settle`, if this one repeats it. */
  readonly outcome: string | null
  /** How many more like it could be reserved beside it when it was made, each as a MISS; null: as many as one likes. Absent of one that is not new. */
  readonly more?: number | null
}

/** A charge that is durable. */
export interface Settlement {
  readonly holdId: string
  readonly accountId: string
  /** What was charged, in micro-units. More than the hold only by what is paid back with it, for the part of an earlier try. */
  readonly amount: number
  /** The account's right after, in micro-units. */
  readonly balance: number
  readonly served: Served
  /** Unix milliseconds. */
  readonly settledAt: number
  /** It had been charged before; nothing changed. */
  readonly replayed: boolean
}
