/**
 * A voice name taken apart. Names differ between releases, so nothing here is a table of voices: the engine's own list
 * decides what exists.
 *
 * @property id as the engine lists it; engines compare it case by case, so it is never respelled
 * @property base `id` without its emotion
 * @property language BCP 47 such as `en-US`; absent when the name carries no locale
 * @property speaker the person, `Mia`
 * @property emotion `Angry`; absent for the plain voice
 */
export interface Voice {
  readonly id: string
  readonly base: string
  readonly language: string | undefined
  readonly speaker: string
  readonly emotion: string | undefined
}

/**
 * One voice with its emotions gathered.
 *
 * @property id the base, which clients see in listings
 * @property speakAs the listed id that the engine is asked for: the plain one, or the first variant if that is not listed
 * @property variants every listed id of this voice, in the engine's order
 */
export interface BaseVoice {
  readonly id: string
  readonly speakAs: string
  readonly language: string | undefined
  readonly speaker: string
  readonly variants: ReadonlyArray<string>
}

/**
 * OpenAI's built-in voices, and whether a man or a woman is heard in them; `alloy` may be either. Clients send them unasked,
 * and Home Assistant's setup fails if `alloy` does.
 */
export const openAiVoices = {
  alloy: "either",
  ash: "man",
  ballad: "man",
  coral: "woman",
  echo: "man",
  fable: "man",
  onyx: "man",
  nova: "woman",
  sage: "woman",
  shimmer: "woman",
  verse: "man",
  marin: "woman",
  cedar: "man",
} as const

export const voiceAliases = Object.keys(openAiVoices) as ReadonlyArray<keyof typeof openAiVoices>

/**
 * English speakers that stand for OpenAI's voices. Others are spoken with when they are asked for by name: of Flite's, AWB
 * is hard to understand (35 mistakes of 498 words against RMS's 26) and KAL sounds of the 1990s.
 */
export const knownSpeakers: { readonly [speaker: string]: "man" | "woman" } = {
  RMS: "man",
  SLT: "woman",
  Aria: "woman",
  Jason: "man",
  Leo: "man",
  Mia: "woman",
  Ray: "man",
  Sofia: "woman",
}

/** Kokoro's voices begin with a letter for their language and one for a woman or a man: `af_heart`. */
const kokoroLanguages: { readonly [letter: string]: string } = {
  a: "en-US",
  b: "en-GB",
  e: "es-ES",
  f: "fr-FR",
  h: "hi-IN",
  i: "it-IT",
  j: "ja-JP",
  p: "pt-BR",
  z: "zh-CN",
}
const kokoroPattern = /^([abefhijpz])[fm]_[a-z]+$/

/** Piper's begin with their locale: `de_DE-thorsten-medium`. */
const piperPattern = /^([a-z]{2,3})[_-]([A-Z]{2})-/

const languageOfName = (id: string): string | undefined => {
  const kokoro = kokoroPattern.exec(id)
  if (kokoro !== null) return kokoroLanguages[kokoro[1]!]
  const piper = piperPattern.exec(id)
  return piper === null ? undefined : `${piper[1]}-${piper[2]}`
}

const localePattern = /^[a-z]{2,3}-[a-z]{2}$/i

/** Older voices spell the language out in front of the model: `English-US-Magpie-Flow.Male.Happy`. */
const spelledLanguages: { readonly [name: string]: string } = {
  arabic: "ar",
  english: "en",
  french: "fr",
  german: "de",
  hindi: "hi",
  italian: "it",
  japanese: "ja",
  korean: "ko",
  mandarin: "zh",
  portuguese: "pt",
  spanish: "es",
  vietnamese: "vi",
}

const languageOfLocale = (locale: string): string => {
  const [language = "", region = ""] = locale.split("-")
  return `${language.toLowerCase()}-${region.toUpperCase()}`
}

const languageOfFamily = (family: string): string | undefined => {
  const match = /^([a-z]+)-([a-z]{2})(?:-|$)/i.exec(family)
  const language = match === null ? undefined : spelledLanguages[match[1]!.toLowerCase()]
  return language === undefined ? undefined : `${language}-${match![2]!.toUpperCase()}`
}

/** Takes any name apart; one that follows no pattern is a speaker and nothing else. */
export const parseVoice = (id: string): Voice => {
  const [family = "", ...rest] = id.split(".")
  if (rest.length === 0) return { id, base: id, language: languageOfName(id), speaker: id, emotion: undefined }
  const hasLocale = rest.length > 1 && localePattern.test(rest[0]!)
  const speakerAt = hasLocale ? 1 : 0
  const emotion = rest.slice(speakerAt + 1).join(".")
  return {
    id,
    base: [family, ...rest.slice(0, speakerAt + 1)].join("."),
    language: hasLocale ? languageOfLocale(rest[0]!) : languageOfFamily(family),
    speaker: rest[speakerAt]!,
    emotion: emotion === "" ? undefined : emotion,
  }
}

/** One entry per base voice, in the order of `ids`. */
export const collapseVoices = (ids: ReadonlyArray<string>): ReadonlyArray<BaseVoice> => {
  const bases = new Map<string, { voice: Voice; variants: Array<string> }>()
  for (const id of new Set(ids)) {
    const voice = parseVoice(id)
    const known = bases.get(voice.base)
    if (known === undefined) bases.set(voice.base, { voice, variants: [id] })
    else known.variants.push(id)
  }
  return Array.from(bases, ([id, { voice, variants }]) => ({
    id,
    speakAs: variants.includes(id) ? id : variants[0]!,
    language: voice.language,
    speaker: voice.speaker,
    variants,
  }))
}
