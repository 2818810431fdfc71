import createModule, { type Decoder } from "soundswallower"
import { fileURLToPath } from "node:url"
import type { Word } from "../audio/Segment.ts"
import type { Pronouncer } from "./Pronouncer.ts"

/** Words that are added to the dictionary before it is read anew: it only grows. */
const mostAdded = 5_000

const modelBase = fileURLToPath(new URL("./model/", import.meta.resolve("soundswallower")))

const loadDecoder = async (): Promise<Decoder> => {
  const silent = { print: () => {}, printErr: () => {} }
  // The default folder is sought from the working directory.
  const module = await createModule({ ...silent, modelBase } as object)
  const decoder = new module.Decoder({ samprate: 16_000, loglevel: "FATAL" })
  await decoder.initialize()
  return decoder
}

/** A word as it is written, and as the words of the dictionary that it is spoken as. */
interface Token {
  readonly written: string
  readonly spoken: ReadonlyArray<string>
}

/**
 * Finds where each word of a text lies in samples of 16 kHz that it is spoken in (SoundSwallower, English). Punctuation goes with its
 * word. Empty where the text cannot be what is said.
 *
 * Measured on 98 sentences of Flite: half of the words begin within 10 ms of the truth, nine in ten within 150 ms.
 */
export const makeWordAligner = async (pronouncer: Pronouncer) => {
  let decoder = await loadDecoder()
  let added = new Set<string>()

  /** Whether the dictionary has `word`, or can be given it. */
  const learn = (word: string): boolean => {
    // It answers null, whatever its types say.
    if (added.has(word) || (decoder.lookup_word(word) as string | null) !== null) return true
    const phones = pronouncer.phones(word)
    if (phones === "") return false
    decoder.add_words([word, phones])
    added.add(word)
    return true
  }

  const tokenOf = (written: string): Token => {
    const bare = written
      .toLowerCase()
      .replaceAll("’", "'")
      .replace(/^[^\p{L}\p{N}$£€]+|[^\p{L}\p{N}%]+$/gu, "")
    const plain = /^[a-z]+('[a-z]+)*(-[a-z]+('[a-z]+)*)*$/.test(bare)
    const words = plain ? bare.split("-") : pronouncer.spoken(bare === "" ? written : bare)
    const known = words.map((word) => word.replace(/[^a-z']/g, "")).filter((word) => /[a-z]/.test(word))
    return { written, spoken: known.filter(learn) }
  }

  return async (samples: Float32Array, text: string): Promise<ReadonlyArray<Word>> => {
    if (added.size > mostAdded) {
      decoder.delete()
      decoder = await loadDecoder()
      added = new Set()
    }
    const tokens = text
      .split(/\s+/u)
      .filter((token) => token !== "")
      .map(tokenOf)
    const spoken = tokens.flatMap((token) => token.spoken)
    if (spoken.length === 0) return []
    decoder.set_align_text(spoken.join(" "))
    decoder.start()
    decoder.process_audio(samples, false, true)
    decoder.stop()
    // Its pauses are words, too, and `to(3)` is the third way to say `to`.
    const found = (decoder.get_alignment().w ?? []).filter(({ t }) => !/^(<.*>|\[.*\])$/.test(t))
    return found.length === spoken.length ? wordsOf(tokens, found) : []
  }
}

/** What has no sound of its own, such as a dash, lies at the end of the word before. */
const wordsOf = (tokens: ReadonlyArray<Token>, found: ReadonlyArray<{ readonly b: number; readonly d: number }>) => {
  let next = 0
  let endMs = 0
  return tokens.map(({ spoken, written }): Word => {
    const own = found.slice(next, next + spoken.length)
    next += spoken.length
    const startMs = own[0] === undefined ? endMs : Math.round(own[0].b * 1_000)
    const last = own.at(-1)
    endMs = last === undefined ? endMs : Math.round((last.b + last.d) * 1_000)
    return { word: written, startMs, endMs }
  })
}
