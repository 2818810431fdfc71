import type { Segment, Word } from "../audio/Segment.ts"

/** `segments`, each with those of `words` that begin in it. Words that a segment has of its own stay. */
export const attachWords = (segments: ReadonlyArray<Segment>, words: ReadonlyArray<Word>): ReadonlyArray<Segment> => {
  let at = 0
  return segments.map((segment, i) => {
    const next = segments[i + 1]
    const from = at
    while (at < words.length && (next === undefined || middleOf(words[at]!) < next.startMs)) at += 1
    return segment.words !== undefined || from === at ? segment : { ...segment, words: words.slice(from, at) }
  })
}

// A word and the segment that begins with it are not always told to begin at the same time.
const middleOf = ({ endMs, startMs }: Word) => (startMs + endMs) / 2

/** Milliseconds of silence that part two segments, and of speech that one has at most. */
const longestPause = 800
const longestSegment = 30_000

/** Words that a segment has at least when it ends with a sentence: "Dr." ends none. */
const fewestWords = 3

/** Characters between two words of a text. */
const longestGap = 16

const sentenceEnd = /^["'”’)\]]*[.!?…。？！]|[.!?…。？！]["'”’)\]]*$/u

/**
 * `text` in segments that end with its sentences and at its pauses, by the times of its `words`, of which there is one at least. Where
 * these are not the text's own (an engine may write numbers as figures in the one and not in the other), it is one segment.
 */
export const segmentsOfWords = (text: string, words: ReadonlyArray<Word>): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = []
  let from = 0
  let at = 0
  let own: Array<Word> = []
  for (const [i, word] of words.entries()) {
    const start = text.indexOf(word.word, at)
    if (start === -1 || start - at > longestGap) return [segmentOf(text, words)]
    at = start + word.word.length
    own.push(word)
    const next = words[i + 1]
    if (next !== undefined && !endsHere(text.slice(at, at + 4), own, next)) continue
    at += next === undefined ? text.length - at : text.slice(at, at + longestGap).search(/\s|[\p{L}\p{N}]|$/u)
    segments.push(segmentOf(text.slice(from, at), own))
    from = at
    own = []
  }
  return segments
}

const segmentOf = (text: string, words: ReadonlyArray<Word>): Segment => ({
  startMs: words[0]!.startMs,
  endMs: words.at(-1)!.endMs,
  text,
  words,
})

const endsHere = (behind: string, own: ReadonlyArray<Word>, next: Word): boolean => {
  const last = own.at(-1)!
  if (next.startMs - last.endMs >= longestPause || next.endMs - own[0]!.startMs > longestSegment) return true
  return own.length >= fewestWords && (sentenceEnd.test(behind) || sentenceEnd.test(last.word))
}
