import { Schema } from "effect"

const Word = Schema.Struct({ word: Schema.String, startMs: Schema.Int, endMs: Schema.Int })

/**
 * A stretch of speech with its place in the recording, in milliseconds. `words` where the engine tells them.
 *
 * `text` begins with whatever separates it from the segment before, so the texts put together are the whole text, also in languages
 * that have no spaces.
 */
export const Segment = Schema.Struct({
  startMs: Schema.Int,
  endMs: Schema.Int,
  text: Schema.String,
  words: Schema.optionalKey(Schema.Array(Word)),
})
export type Segment = typeof Segment.Type

/** The whole text. */
export const textOf = (segments: ReadonlyArray<Segment>): string => segments.map(({ text }) => text).join("")
