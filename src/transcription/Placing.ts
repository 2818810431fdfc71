import type { Segment } from "../audio/Segment.ts"

/** Scripts that put no space between words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** `text`, which begins a part, behind what was heard before it. */
const joined = (before: string, text: string): string => {
  const bare = text.trimStart()
  if (before === "" || /\s$/u.test(before)) return bare
  return unspaced.test(before.slice(-1)) || unspaced.test(bare.slice(0, 1)) ? bare : ` ${bare}`
}

const within = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value))

/**
 * Puts segments of parts, which come in order, where they belong in the whole recording of `totalMs`: their times are later by what
 * lies before the part, never earlier than what came before, and never outside of the recording; their texts put together are the whole.
 */
export const makePlacing = (totalMs: number) => {
  let before = ""
  let earlierMs = 0

  /** @param first whether the segment is the first of its part */
  return (segment: Segment, offsetMs: number, first: boolean): Segment => {
    const startMs = within(segment.startMs + offsetMs, earlierMs, totalMs)
    const endMs = within(segment.endMs + offsetMs, startMs, totalMs)
    const text = first ? joined(before, segment.text) : segment.text
    before = text
    earlierMs = endMs
    let wordMs = startMs
    const words = segment.words?.map((word) => {
      const wordStart = within(word.startMs + offsetMs, wordMs, endMs)
      wordMs = within(word.endMs + offsetMs, wordStart, endMs)
      return { word: word.word, startMs: wordStart, endMs: wordMs }
    })
    return { ...segment, startMs, endMs, text, ...(words === undefined ? {} : { words }) }
  }
}
