import { noSounds, type Sounds } from "../audio/Sounds.ts"
import { isSsml, ssmlOf } from "../audio/Ssml.ts"
import { writtenOut } from "./SpokenLength.ts"

/**
 * `text` in pieces of at most `limit` code points once written out, cut at the ends of sentences, or of words where one sentence is longer,
 * or of graphemes where one word is. An SSML document is never cut. Joined by the white space that was between them they are `text` again.
 *
 * @param language BCP 47, for the rules of where a sentence ends
 * @param sounds of words, which take room as well
 */
export const split = (
  text: string,
  limit: number,
  language: string,
  sounds: Sounds = noSounds,
): ReadonlyArray<string> =>
  isSsml(text)
    ? [text]
    : pack([text], limit, ["sentence", "word", "grapheme"], language, (piece) =>
        sounds.size === 0 ? writtenOut(piece) : writtenOut(piece) + ssmlOf(piece, sounds).length - piece.length,
      )

type Granularity = "sentence" | "word" | "grapheme"

function pack(
  pieces: Iterable<string>,
  limit: number,
  finer: ReadonlyArray<Granularity>,
  language: string,
  lengthOf: (piece: string) => number,
): ReadonlyArray<string> {
  const packed: Array<string> = []
  let current = ""
  let length = 0
  const close = () => {
    if (current.trim() !== "") packed.push(current.trim())
    current = ""
    length = 0
  }
  for (const piece of pieces) {
    const pieceLength = lengthOf(piece)
    if (length + pieceLength > limit) close()
    const [next, ...rest] = finer
    if (pieceLength > limit && next !== undefined) {
      packed.push(...pack(segments(piece, next, language), limit, rest, language, lengthOf))
    } else {
      current += piece
      length += pieceLength
    }
  }
  close()
  return packed
}

function* segments(text: string, granularity: Granularity, language: string): Generator<string> {
  if (granularity === "word") return yield* words(text, language)
  for (const { segment } of segmenter(granularity, language).segment(text)) yield segment
}

/** Words, each with the punctuation and white space after it: an utterance that starts with a full stop is read as "dot". */
function* words(text: string, language: string): Generator<string> {
  let pending = ""
  for (const { segment, isWordLike } of segmenter("word", language).segment(text)) {
    if (/[\p{L}\p{N}]/u.test(pending) && (isWordLike === true || /\s$/u.test(pending))) {
      yield pending
      pending = ""
    }
    pending += segment
  }
  if (pending !== "") yield pending
}

const segmenter = (granularity: Granularity, language: string): Intl.Segmenter => {
  try {
    return new Intl.Segmenter(language, { granularity })
  } catch {
    // A tag that is no BCP 47 throws RangeError; the engine is the one to judge the language, not the splitter.
    return new Intl.Segmenter("en", { granularity })
  }
}
