/**
 * A piece of decoded audio.
 *
 * @property sampleRate Hz
 * @property channels the samples of each channel, between -1 and 1, all of one length. Valid until the next piece is asked for
 * @property damaged frames that the decoder could not read
 */
export interface Decoded {
  readonly sampleRate: number
  readonly channels: ReadonlyArray<Float32Array>
  readonly damaged: number
}

/** Decoded audio in the file's own rate, piece by piece. Throws a `DecodeError`, or whatever the codec throws. */
export type AudioSource = AsyncIterable<Decoded>
