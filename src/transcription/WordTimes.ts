import { Effect } from "effect"
import { type Recording, recordingSampleRate } from "../audio/Recording.ts"
import type { Segment, Word } from "../audio/Segment.ts"
import { WordAligner } from "../embedded/WordAligner.ts"
import { wordsByLetters } from "./LetterShares.ts"

const samplesPerMs = recordingSampleRate / 1_000

/** Samples around a segment that its words are sought in, too. */
const around = 100 * samplesPerMs

/** What is left where the text is not what is said. */
const spread = (segment: Segment): ReadonlyArray<Word> =>
  wordsByLetters(segment).map(({ endMs, startMs, word }) => ({
    word,
    startMs: Math.round(startMs),
    endMs: Math.round(endMs),
  }))

/** Gives English segments of a recording the times of their words, where the engine has told none. */
export const makeWordTimes = Effect.map(WordAligner, ({ align }) =>
  Effect.fnUntraced(function* (recording: Recording, segment: Segment) {
    if (segment.words !== undefined) return segment
    const stretch = {
      from: Math.max(0, segment.startMs * samplesPerMs - around),
      to: Math.min(recording.samples, segment.endMs * samplesPerMs + around),
    }
    const aligned = yield* align(recording, stretch, segment.text)
    return { ...segment, words: aligned.length > 0 ? aligned : spread(segment) }
  }),
)
