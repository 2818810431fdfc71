import { Context, Effect, Stream } from "effect"
import type { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"

/** What whoever made a speech knows of it at its end. `head` as in `FlightPlan`. */
export interface Made {
  readonly durationMs: number
  readonly head: Uint8Array | undefined
}

/**
 * One production, by this gateway or another.
 *
 * @property bytes of either, from the first one
 * @property followed whether it is another gateway's; known once there are bytes
 * @property total bytes of the whole that the other foresees, so far as it has said
 * @property made what the other says once `bytes` has ended
 */
export interface SharedTake<E> {
  readonly bytes: Stream.Stream<Uint8Array, E | CacheError>
  readonly followed: () => boolean
  readonly total: () => number
  readonly made: () => Made | undefined
}

/**
 * One synthesis over all gateways.
 *
 * - `take`: `own`, unless another gateway makes the same: then what that one makes, or `own` after all if it falls silent before its
 *   first byte. What breaks off later fails: nobody can go on with another's half.
 * - `listening`: others reach this gateway at `url` from now on.
 * - `admits`: whether a request from another gateway for `key` is signed as ours are.
 */
interface Service {
  readonly take: <E>(key: CacheKey, own: Stream.Stream<Uint8Array, E>) => SharedTake<E>
  readonly listening: (url: string) => Effect.Effect<void>
  readonly admits: (key: string, signature: string | undefined) => Effect.Effect<boolean>
}

/** What is made here and shared with nobody. */
export const alone: Service = {
  take: (_, own) => ({ bytes: own, followed: () => false, total: () => 0, made: () => undefined }),
  listening: () => Effect.void,
  admits: () => Effect.succeed(false),
}

/** See `Service`; a gateway alone shares with nobody. */
export const Sharing = Context.Reference<Service>("aviary/cache/Sharing", { defaultValue: () => alone })
