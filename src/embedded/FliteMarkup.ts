import { type Sounds, stretches } from "../audio/Sounds.ts"
import { phonesOf } from "./IpaPhones.ts"
import { toAscii } from "./Sentences.ts"

/** Flite reads its markup a sign at a time: those that would be marks are said or left out. */
const plain = (text: string): string =>
  text.replaceAll("<", " less than ").replaceAll(">", " greater than ").replaceAll('"', " ").replaceAll(";", ",")

/** Stands within the mark, since Flite takes what follows it for a word of its own. */
const behind = /^(?:'s\b)?[.,:!?)\]]*/iu

/**
 * Writes a sentence, which is ASCII, in Flite's SSML, with the phones of those words whose sounds are said; undefined where it has none
 * of them, or no voice of Flite's has such sounds.
 */
export const fliteMarkup = (sounds: Sounds): ((sentence: string) => string | undefined) => {
  const phones = new Map(
    [...sounds].flatMap(([word, ipa]) => {
      const [ascii, found] = [toAscii(word).toLowerCase(), phonesOf(ipa)]
      return ascii === "" || found === undefined ? [] : [[ascii, found] as const]
    }),
  )
  return (sentence) => {
    const found = stretches(sentence, phones)
    if (found.every(({ ipa }) => ipa === undefined)) return undefined
    let marked = ""
    let word: string | undefined
    for (const { ipa, text } of found) {
      const after = word === undefined ? "" : (behind.exec(text)?.[0] ?? "")
      if (word !== undefined) marked += mark(word, after)
      word = ipa
      if (ipa === undefined) marked += plain(text.slice(after.length))
    }
    return `<speak>${marked}${word === undefined ? "" : mark(word, "")}</speak>`
  }
}

/** What is written within is not read; any one word will do. */
const mark = (phones: string, after: string): string => {
  const owned = /^'s/i.test(after)
  return `<phoneme ph="${owned ? `${phones} z` : phones}">word${after.slice(owned ? 2 : 0)}</phoneme>`
}
