import type { Pcm } from "../Pcm.ts"
import { toInt16 } from "../WavSamples.ts"

/**
 * A piece of decoded audio.
 *
 * @property damaged frames that the decoder could not read
 */
export interface Decoded extends Pcm {
  readonly damaged: number
}

/** Decoded audio in the file's own rate, mixed to mono, piece by piece. Throws a `DecodeError`, or whatever the codec throws. */
export type AudioSource = AsyncIterable<Decoded>

/** The mean of `channels`, whose samples lie between -1 and 1. */
export const mixDown = (channels: ReadonlyArray<Float32Array>, length: number): Int16Array => {
  const scale = 32_768 / channels.length
  const samples = new Int16Array(channels.length === 0 ? 0 : length)
  for (let at = 0; at < samples.length; at++) {
    let sum = 0
    for (const channel of channels) sum += channel[at]!
    samples[at] = toInt16(sum * scale)
  }
  return samples
}
