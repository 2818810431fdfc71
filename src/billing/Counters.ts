import { Context, Effect } from "effect"
import type { BillingError } from "./BillingError.ts"
import { type Bucket, makeBucket } from "./Bucket.ts"

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
