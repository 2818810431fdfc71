import { Context, Effect } from "effect"
import type { BillingError } from "./BillingError.ts"

/** In which an empty bucket fills, in milliseconds. */
const minute = 60_000

/** A third thrice is a little less than one. */
const rounding = 1e-6

/**
 * A limit of `size` a minute: full when it is made, and refilling steadily. All times are milliseconds of a monotonic
 * clock: by the time of day, a limit that was spent while the clock ran ahead stays spent until that time comes again.
 * Effect's own limiter goes by the time of day, and cannot be given anything back.
 */
export interface Bucket {
  readonly size: number
  /** Whole tokens that are there. */
  readonly left: (now: number) => number
  /** Those that others may take too included, where there are others. */
  readonly remaining?: (now: number) => number
  /** Milliseconds until there are `tokens`, at most `size` of them. */
  readonly untilThere: (tokens: number, now: number) => number
  /** Takes `tokens`, of which there are as many; below zero gives them back, as far as there is room. */
  readonly take: (tokens: number, now: number) => void
}

const makeBucket = (size: number): Bucket => {
  const perToken = minute / size
  let fullAt = 0
  const untilFull = (now: number) => Math.max(0, fullAt - now)
  return {
    size,
    left: (now) => Math.floor((minute - untilFull(now)) / perToken + rounding),
    untilThere: (tokens, now) => Math.max(0, Math.ceil(untilFull(now) - (size - tokens) * perToken - rounding)),
    take: (tokens, now) => {
      fullAt = Math.max(fullAt, now) + tokens * perToken
    },
  }
}

/** Where the limits of keys are counted. */
interface Service {
  /** The bucket of a limit of `size` a minute. */
  readonly bucket: (name: string, size: number) => Bucket
  /** Sees to it that the bucket has `tokens`, as far as all gateways together may have them now. */
  readonly fill: (bucket: Bucket, tokens: number) => Effect.Effect<void, BillingError>
}

/** In this process: a gateway alone counts all there is. */
const makeCounters = (): Service => {
  const buckets = new Map<string, Bucket>()
  return {
    bucket: (name, size) => {
      const bucket = buckets.get(name) ?? makeBucket(size)
      buckets.set(name, bucket)
      return bucket
    },
    fill: () => Effect.void,
  }
}

/** Who counts for `Access`; this process for itself, unless gateways share a database. */
export const Counters = Context.Reference<() => Service>("aviary/billing/Counters", {
  defaultValue: () => makeCounters,
})
