import { Schema } from "effect"

/** A word with its place in the recording; punctuation may be a part of it. */
export const Word = Schema.Struct({ word: Schema.String, startMs: Schema.Int, endMs: Schema.Int })
export type Word = typeof Word.Type

/**
 * A stretch of speech with its place in the recording, in milliseconds. `words` where the engine tells them, as are `speaker`, any name
 * that stays the same for one voice, and `language`, BCP 47 or its English name.
 *
 * `text` begins with whatever separates it from the segment before, so the texts put together are the whole text, also in languages
 * that have no spaces.
 */
export const Segment = Schema.Struct({
  startMs: Schema.Int,
  endMs: Schema.Int,
  text: Schema.String,
  words: Schema.optionalKey(Schema.Array(Word)),
  speaker: Schema.optionalKey(Schema.String),
  language: Schema.optionalKey(Schema.String),
})
export type Segment = typeof Segment.Type

/** The whole text. */
export const textOf = (segments: ReadonlyArray<Segment>): string => segments.map(({ text }) => text).join("")
