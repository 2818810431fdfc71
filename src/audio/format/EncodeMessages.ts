import type { EncoderOptions } from "./Encoder.ts"

/** What an encoder's thread is told of stream `id`: its options, then samples, then that there are no more. It may be closed at any time. */
export type Told =
  | { readonly id: number; readonly tag: "open"; readonly options: EncoderOptions }
  | { readonly id: number; readonly tag: "encode"; readonly samples: Int16Array<ArrayBuffer> }
  | { readonly id: number; readonly tag: "flush" }
  | { readonly id: number; readonly tag: "close" }

/**
 * What it answers to `encode` and `flush`.
 *
 * @property head of the whole, once it is flushed: see `Codec`
 */
export interface Encoded {
  readonly id: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly head?: Uint8Array<ArrayBuffer> | undefined
}
