import { readFileSync } from "node:fs"

/** Hz: Magpie's own. */
export const sampleRate = 22_050

/** Bytes of speech that the stand-in engine has for each character: 67.5 ms, about what a human takes. */
const bytesPerCharacter = 32_768 / 11

/** Bytes of samples that the engine answers a text with. Eleven characters are 32 KiB, 88 are 256 KiB. */
export const bytesOf = (characters: number): number => 2 * Math.floor((characters * bytesPerCharacter) / 2)

/** How long a text is whose speech has so many bytes. */
export const charactersFor = (bytes: number): number => Math.round(bytes / bytesPerCharacter)

const filler = "and all the birds are singing in the morning when the sun comes up over the hill, "

const letters = "bcdfghjklmnpqrst"
let reserved = 0

/** As many as seven letters tell apart. */
const texts = 16 ** 7

/** As many as one turn can need. */
const textsATurn = 200_000

/** Numbers for new texts; the first of them. */
export const reserveTexts = (count = textsATurn): number => {
  const first = reserved
  reserved += count
  if (reserved > texts) throw new Error("Every text was asked for already")
  return first
}

/** Seven letters. Digits would be spelled out, and a syllable more than twice in a row be counted twice. */
const nameOf = (number: number): string =>
  Array.from({ length: 7 }, (_, at) => letters[Math.floor(number / 16 ** at) % 16]).join("")

/** A text of so many characters, eleven at least, with a name in it. */
export const textWith = (name: string, characters: number): string =>
  `The ${name}${` ${filler.repeat(Math.ceil(characters / filler.length))}`.slice(0, characters - 11)}`

/** A text that was not asked for in this run. */
export const newText = (characters: number): string => textWith(nameOf(reserveTexts(1)), characters)

/** Real speech, in the engine's samples, as long as wanted. It is not at its own pitch, which no one here listens to. */
export const recording = (bytes: number): Buffer => {
  const wav = readFileSync(new URL("../support/audio/sense-and-sensibility-0870.wav", import.meta.url)).subarray(44)
  return Buffer.alloc(bytes, wav.subarray(0, wav.length & ~1))
}
