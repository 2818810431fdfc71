/**
 * A run of mono samples as an engine made them. A sample is never split over two chunks: whoever reads bytes from a
 * network carries the odd byte.
 *
 * @property sampleRate Hz, the same for every chunk of one synthesis
 * @property samples signed 16-bit, mono
 */
export interface Pcm {
  readonly sampleRate: number
  readonly samples: Int16Array
}

/** Length of `pcm` in milliseconds. */
export const durationMs = (pcm: Pcm): number => (pcm.samples.length / pcm.sampleRate) * 1000
