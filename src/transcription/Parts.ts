import { Stream } from "effect"
import { recordingSampleRate } from "../audio/Recording.ts"
import type { Stretch } from "../embedded/Stretches.ts"

/**
 * A part of a recording that an engine hears in one go, in samples.
 *
 * @property speech from its first to its last speech
 * @property spoken samples of speech in it; undefined where nobody has looked
 */
export interface Part extends Stretch {
  readonly speech: Stretch
  readonly spoken: number | undefined
}

/** All of a recording, which nobody has looked into. */
export const wholeOf = (samples: number): Part => ({
  from: 0,
  to: samples,
  speech: { from: 0, to: samples },
  spoken: undefined,
})

/** Samples around the speech of a part that are heard with it: the search for speech is late at soft beginnings. */
const around = 1 * recordingSampleRate

/**
 * Parts of at most about `longest` samples, cut in the middle of pauses between `stretches`, where no word can be. Together they hold
 * all that is within a second of speech, each sample once. Only a talk without a pause is cut where one stretch ends and the next
 * begins.
 *
 * @param samples how many the recording has
 */
export const partsOf = <E, R>(
  stretches: Stream.Stream<Stretch, E, R>,
  samples: number,
  longest: number,
): Stream.Stream<Part, E, R> =>
  Stream.suspend(() => {
    let earlier = 0
    let speech: Stretch | undefined
    let spoken = 0

    /** The part behind which speech goes on at `next`. */
    const end = (next: number): ReadonlyArray<Part> => {
      if (speech === undefined) return []
      const cut = next === samples ? samples : Math.floor((speech.to + next) / 2)
      const part = {
        from: Math.max(earlier, speech.from - around),
        to: Math.min(cut, speech.to + around),
        speech,
        spoken,
      }
      earlier = cut
      return [part]
    }

    return stretches.pipe(
      Stream.map((stretch): ReadonlyArray<Part> => {
        const size = stretch.to - stretch.from
        if (speech !== undefined && stretch.to - speech.from <= longest) {
          speech = { from: speech.from, to: stretch.to }
          spoken += size
          return []
        }
        const ended = end(stretch.from)
        speech = stretch
        spoken = size
        return ended
      }),
      Stream.concat(Stream.sync(() => end(samples))),
      Stream.flattenIterable,
    )
  })
