import { remembered } from "../audio/Remembered.ts"
import { codePoints } from "./SpokenText.ts"

/** ISO 15924 names that stand for several of Unicode's scripts, or for a part of one. */
const composed: Readonly<Record<string, ReadonlyArray<string>>> = {
  Hans: ["Hani"],
  Hant: ["Hani"],
  Jpan: ["Hani", "Hira", "Kana"],
  Kore: ["Hang"],
}

/** The script that a language is written in, or nothing where that is not known. `language` is BCP 47. */
const scriptOf = remembered((language: string): string => {
  try {
    return new Intl.Locale(language).maximize().script ?? ""
  } catch {
    return ""
  }
}, 1_000)

/** Matches the letters of a script; for one that this Node does not know, nothing. */
const lettersOf = remembered((script: string): RegExp => {
  const names = composed[script] ?? [script]
  try {
    return new RegExp(`[[${names.map((name) => `\\p{sc=${name}}`).join("")}]&&\\p{L}]`, "gv")
  } catch {
    return /(?!)/gu
  }
}, 1_000)

const longestRepeated = 24

/** Something of up to 24 characters three times in a row or more: a drawn-out letter, HaHaHa, "very very very". */
const repeated = new RegExp(`(.{1,${longestRepeated}}?)\\1{2,}`, "giu")

/**
 * Whether `repeated` can match. The expression tries each length at each place, which took 60 µs of a text of 88 characters; in ASCII, where a
 * letter has one other case, bytes can be compared, in 5.
 */
const mayRepeat = (text: string): boolean => {
  if (/[^\x00-\x7F]/.test(text)) return true
  const folded = Buffer.from(text.toLowerCase(), "latin1")
  for (let length = 1; length <= longestRepeated; length++) {
    for (let at = length, same = 0; at < folded.length; at++) {
      same = folded[at] === folded[at - length] ? same + 1 : 0
      if (same === 2 * length) return true
    }
  }
  return false
}

/** Letters a syllable that take time of their own: "through" has seven of them and is as short as "true". */
const lettersASyllable = 4

/** The place in the alphabet of a letter from a to z; 26 or more, or less than 0, for anything else. */
const placeOf = (code: number): number => (code | 0x20) - 0x61

/** Of the alphabet, a bit each. */
const vowels = Array.from("aeiouy", (letter) => 1 << placeOf(letter.charCodeAt(0))).reduce((all, one) => all | one, 0)

/** The letters from a to z, of each word at most as many as its syllables take. Expressions take five times as long. */
const lettersIn = (text: string): number => {
  let sum = 0
  let letters = 0
  let syllables = 0
  let inVowels = false
  for (let at = 0; at <= text.length; at++) {
    // Behind the end it is NaN, which is in place -97.
    const place = placeOf(text.charCodeAt(at))
    if (place < 0 || place > 25) {
      sum += Math.min(letters, Math.max(1, syllables) * lettersASyllable)
      letters = syllables = 0
      inVowels = false
      continue
    }
    const isVowel = (vowels & (1 << place)) !== 0
    if (isVowel && !inVowels) syllables++
    inVowels = isVowel
    letters++
  }
  return sum
}

/**
 * How many letters of `text` every voice of `language` is sure to say, whatever it makes of the rest. Left out: other
 * scripts than the language's, which voices may skip; symbols and digits, which each reads in its own way; and of
 * what is repeated all but two, since voices tire of it or run it together.
 */
export const surelySaid = (text: string, language: string): number => {
  const script = scriptOf(language)
  const words = `${text.replaceAll(/[^\p{L}\p{M}]+/gu, " ")} `
  const once = mayRepeat(words) ? words.replace(repeated, "$1$1") : words
  if (script !== "Latn") return once.match(lettersOf(script))?.length ?? 0
  return lettersIn(once.normalize("NFD").replaceAll(/\p{M}/gu, ""))
}

/** Whether a voice of `language` has to make a sound of `text`: it has digits, or letters of the language's script. */
export const mustSound = (text: string, language: string): boolean =>
  /\p{Nd}/u.test(text) || text.search(lettersOf(scriptOf(language))) >= 0

/** Seconds that a digit, or a symbol read out by its name, may take. "greater than sign" takes one, an emoji's name two. */
const secondsASymbol = 2

/** Seconds that a letter of another script may take: Chinese, read unhurriedly, has the longest. */
const secondsAForeignLetter = 1 / 0.6

/**
 * Seconds that `text` may take at most at speed 1, when everything in it is read out, symbols by their names.
 *
 * @param slowest letters a second
 */
export const longestSaid = (text: string, language: string, slowest: number): number => {
  const home = text.match(lettersOf(scriptOf(language)))?.length ?? 0
  const all = text.match(/[\p{L}\p{M}]/gu)?.length ?? 0
  const symbols = text.match(/[^\p{L}\p{M}\s]/gu)?.length ?? 0
  const foreign = Math.max(secondsAForeignLetter, 1 / slowest)
  return home / slowest + Math.max(0, all - home) * foreign + symbols * secondsASymbol
}

/**
 * Length of `text` in code points, where a digit counts three and a symbol five. An engine counts what it is to say once
 * it has spelled that out, and "12 = 12" becomes four words; whoever leaves it half of its limit needs no finer measure.
 */
export const writtenOut = (text: string): number => {
  const digits = text.match(/\p{N}/gu)?.length ?? 0
  const symbols = text.match(/[^\p{L}\p{M}\p{N}\s.,;:!?'"()…。，、！？-]/gu)?.length ?? 0
  return codePoints(text) + 2 * digits + 4 * symbols
}
