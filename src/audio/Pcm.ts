import { isMarkedAsUntransferable } from "node:worker_threads"

/**
 * A run of mono samples as an engine made them. A sample is never split over two chunks: whoever reads bytes from a
 * network carries the odd byte.
 *
 * @property sampleRate Hz, the same for every chunk of one synthesis
 * @property samples signed 16-bit, mono
 * @property own whether nothing but chunks of the same stream, one after the other, has a part of their memory: see `giveBack`
 */
export interface Pcm {
  readonly sampleRate: number
  readonly samples: Int16Array
  readonly own?: boolean
}

/**
 * Gives back the memory that `pcm` is a part of, where it is its own, once nobody will look at it: V8 would keep what has waited for a
 * while until it searches its whole heap. The pool that Node makes small buffers of is nobody's own, whatever `pcm` says.
 */
export const giveBack = ({ own = false, samples: { buffer } }: Pcm): void => {
  if (own && buffer instanceof ArrayBuffer && !isMarkedAsUntransferable(buffer)) buffer.transfer(0)
}

/** Length of `pcm` in milliseconds. */
export const durationMs = (pcm: Pcm): number => (pcm.samples.length / pcm.sampleRate) * 1000
