import { Effect } from "effect"
import { type Recording, recordingSampleRate } from "../audio/Recording.ts"
import type { Segment, Word } from "../audio/Segment.ts"
import { WordAligner } from "../embedded/WordAligner.ts"

const samplesPerMs = recordingSampleRate / 1_000

/** Samples around a segment that its words are sought in, too. */
const around = 100 * samplesPerMs

/** Words by their share of the letters: what is left where the text is not what is said. */
const spread = ({ endMs, startMs, text }: Segment): ReadonlyArray<Word> => {
  const written = text.split(/\s+/u).filter((word) => word !== "")
  const letters = written.reduce((sum, word) => sum + word.length, 0)
  let before = 0
  return written.map((word) => {
    const from = startMs + ((endMs - startMs) * before) / letters
    before += word.length
    return { word, startMs: Math.round(from), endMs: Math.round(startMs + ((endMs - startMs) * before) / letters) }
  })
}

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
