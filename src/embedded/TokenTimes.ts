import type { Word } from "../audio/Segment.ts"
import type { Recognized } from "./SherpaOnnx.ts"

/** Seconds that a model without durations is taken to spend on a word's last token, where no other begins sooner. */
const lastToken = 0.3

/** A tag of SenseVoice's or Whisper's, such as `<|en|>`. */
const tag = /^<\|.*\|>$/

/**
 * The words in what was recognized, by the times of its tokens. `startMs` is where its audio begins. None where the model knows no times.
 *
 * A token that begins with a space begins a word; so does any other in a script that writes no spaces.
 */
export const wordsOf = ({ durations, timestamps, tokens }: Recognized, startMs: number): ReadonlyArray<Word> => {
  if (timestamps.length !== tokens.length) return []
  const words: Array<Word> = []
  const place = (seconds: number) => Math.round(startMs + seconds * 1_000)
  for (const [i, written] of tokens.entries()) {
    const piece = written.replaceAll("▁", " ")
    if (tag.test(piece.trim()) || piece.trim() === "") continue
    const start = timestamps[i]!
    const next = timestamps[i + 1] ?? Number.POSITIVE_INFINITY
    const end = Math.max(start, Math.min(start + (durations[i] || lastToken), next))
    const last = words.at(-1)
    if (last === undefined || piece.startsWith(" ") || isWordAlone(piece)) {
      words.push({ word: piece.trim(), startMs: place(start), endMs: place(end) })
    } else words[words.length - 1] = { ...last, word: last.word + piece, endMs: place(end) }
  }
  return words
}

/** Scripts that write no spaces between words. */
const isWordAlone = (piece: string) =>
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(piece)

/** The language that a model says it heard, without the marks that some put around it. */
export const languageOf = ({ lang }: Recognized): string | undefined => {
  const language = lang.replace(/^<\|(.*)\|>$/, "$1")
  return language === "" ? undefined : language
}
