import type { Segment } from "../audio/Segment.ts"
import { wordsByLetters } from "./LetterShares.ts"

/**
 * What is not broken between lines: a word with its punctuation.
 *
 * @property spaced whether a space is before it; not so in scripts that have none
 * @property width in columns, of which a Chinese character takes two
 */
export interface Piece {
  readonly text: string
  readonly spaced: boolean
  readonly width: number
  readonly startMs: number
  readonly endMs: number
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/u

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })
const words = new Intl.Segmenter(undefined, { granularity: "word" })

const columns = (text: string): number => {
  let sum = 0
  for (const { segment } of graphemes.segment(text)) sum += wide.test(segment) ? 2 : 1
  return sum
}

/** Parts of at most `most` columns of what has no space in it: words of scripts that have none, else as many characters as fit. */
const split = (token: string, most: number): ReadonlyArray<string> => {
  if (columns(token) <= most && !wide.test(token)) return [token]
  const parts: Array<string> = []
  for (const { isWordLike, segment } of words.segment(token)) {
    // Punctuation stays with what is before it.
    if (isWordLike !== true && parts.length > 0 && columns(parts.at(-1)! + segment) <= most)
      parts.push(parts.pop()! + segment)
    else parts.push(...fitting(segment, most))
  }
  return parts
}

const fitting = (text: string, most: number): ReadonlyArray<string> => {
  const parts = [""]
  for (const { segment } of graphemes.segment(text)) {
    if (columns(parts.at(-1)! + segment) > most) parts.push("")
    parts.push(parts.pop()! + segment)
  }
  return parts
}

/** The words of `segment` with their times: its own where there is one for each, else by their share of the letters. */
export const piecesOf = (segment: Segment, most: number): ReadonlyArray<Piece> => {
  const shares = wordsByLetters(segment)
  const timed = segment.words?.length === shares.length ? segment.words : shares
  return shares.flatMap(({ word: token }, i) => {
    const { endMs, startMs } = timed[i]!
    const at = (count: number) => startMs + ((endMs - startMs) * count) / token.length
    let done = 0
    return split(token, most).map((part, n): Piece => {
      const from = done
      done += part.length
      return { text: part, spaced: n === 0 && i > 0, width: columns(part), startMs: at(from), endMs: at(done) }
    })
  })
}
