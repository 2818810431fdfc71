import { Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"

/** Long enough that a step in the waveform is no click, too short to be heard as a fade. */
const fadeMs = 5

const scaled = (samples: Int16Array, gain: (position: number) => number): Int16Array =>
  samples.map((sample, index) => Math.round(sample * gain((index + 0.5) / samples.length)))

/**
 * One utterance made ready to stand between two others: its first and last 5 ms are faded where `opening` and `closing`
 * say so, since an engine may start and stop in mid-wave. Adds and drops no sample.
 */
export const fadeSeams = <E>(
  audio: Stream.Stream<Pcm, E>,
  seams: { readonly opening: boolean; readonly closing: boolean },
): Stream.Stream<Pcm, E> => (seams.opening || seams.closing ? faded(audio, seams) : audio)

const faded: typeof fadeSeams = (audio, seams) =>
  Stream.suspend(() => {
    let held: Pcm | undefined
    let started = !seams.opening
    return audio.pipe(
      Stream.map((chunk): Pcm => {
        const width = Math.round((chunk.sampleRate * fadeMs) / 1000)
        let samples = chunk.samples
        if (!started) {
          started = true
          const head = samples.subarray(0, width)
          samples = joined(
            scaled(head, (at) => at),
            samples.subarray(head.length),
          )
        }
        if (!seams.closing) return { ...chunk, samples }
        const all = joined(held?.samples ?? new Int16Array(0), samples)
        const cut = Math.max(0, all.length - width)
        held = { ...chunk, samples: all.subarray(cut) }
        return { ...chunk, samples: all.subarray(0, cut) }
      }),
      Stream.concat(
        Stream.suspend(() =>
          held === undefined
            ? Stream.empty
            : Stream.succeed({ ...held, samples: scaled(held.samples, (at) => 1 - at) }),
        ),
      ),
    )
  })

const joined = (head: Int16Array, tail: Int16Array): Int16Array => {
  const samples = new Int16Array(head.length + tail.length)
  samples.set(head)
  samples.set(tail, head.length)
  return samples
}
