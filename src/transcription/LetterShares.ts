import type { Segment, Word } from "../audio/Segment.ts"

/** The words of a text, each with its share of the time by its letters: what is left where nobody knows when they were said. Not rounded. */
export const wordsByLetters = ({ endMs, startMs, text }: Segment): ReadonlyArray<Word> => {
  const written = text.split(/\s+/u).filter((word) => word !== "")
  const letters = written.reduce((sum, word) => sum + word.length, 0)
  const at = (count: number) => startMs + ((endMs - startMs) * count) / letters
  let before = 0
  return written.map((word) => {
    const from = before
    before += word.length
    return { word, startMs: at(from), endMs: at(before) }
  })
}
