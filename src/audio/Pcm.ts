import { isMarkedAsUntransferable } from "node:worker_threads"

/**
 * A run of mono samples as an engine made them. A sample is never split over two chunks: whoever reads bytes from a
 * network carries the odd byte.
 *
 * @property sampleRate Hz, the same for every chunk of one synthesis
 * @property samples signed 16-bit, mono
 * @property memory in which they came, or of which they are a copy: nothing but chunks of the same stream did, one after the other. See
 *   `giveBack`
 */
export interface Pcm {
  readonly sampleRate: number
  readonly samples: Int16Array
  readonly memory?: ArrayBufferLike | undefined
}

/**
 * Gives back memory in which samples came, once nobody will look at any of them: V8 would keep what has waited for a while until it searches
 * its whole heap. The pool that Node makes small buffers of is nobody's own.
 */
export const giveBack = (memory: ArrayBufferLike | undefined): void => {
  if (memory instanceof ArrayBuffer && !isMarkedAsUntransferable(memory)) memory.transfer(0)
}

/** Length of `pcm` in milliseconds. */
export const durationMs = (pcm: Pcm): number => (pcm.samples.length / pcm.sampleRate) * 1000
