import type { Effect } from "effect"
import type { EncodeError } from "./EncodeError.ts"

/**
 * The encoder of one stream.
 *
 * - `encode`: the bytes that `samples` complete, possibly none. One call at a time
 * - `copies`: whether nothing of the samples is looked at, or a part of the bytes, once `encode` has answered
 * - `flush`: the rest, once, and what the first bytes of the whole are now that its length is known: see `Codec`
 */
export interface StreamEncoder {
  /** `encode`, where it costs next to nothing, however much it is given at once. */
  readonly now?: ((samples: Int16Array) => Uint8Array) | undefined
  readonly encode: (samples: Int16Array) => Effect.Effect<Uint8Array, EncodeError>
  readonly copies?: boolean
  readonly flush: Effect.Effect<{ readonly bytes: Uint8Array; readonly head: Uint8Array | undefined }, EncodeError>
}
