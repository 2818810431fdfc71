import {
  type BaseVoice,
  collapseVoices,
  knownSpeakers,
  openAiVoices,
  parseVoice,
  type Voice,
  voiceAliases,
} from "./Voice.ts"

/**
 * One listing of an engine's voices, made ready to be asked by name: a Magpie lists some 270 ids, and every request names one.
 *
 * - `bases`: one entry per base voice, in the engine's order.
 * - `aliases`: base ids by OpenAI's names, each as `resolve` answers it. Empty without voices.
 * - `isListed`: whether a name is a listed id, or the base of one, as spelled.
 * - `unknown`: of the operator's own aliases those whose voice is not listed
 * - `resolve`: the listed voice that a client means, or undefined. Tried in this order: the id as spelled, the operator's own
 *   aliases, the id in another case, the speaker alone (`Mia`, `Mia.Angry`; English first where one name has several
 *   languages), OpenAI's names, dealt to the English speakers as `knownSpeakers` has them. Behind any of them an emotion may
 *   stand; one that the voice does not have is left out.
 * - `withEmotion`: the variant of a plain voice whose emotion is named in a text, such as instructions; else the voice as it is
 */
export interface VoiceIndex {
  readonly bases: ReadonlyArray<BaseVoice>
  readonly aliases: ReadonlyMap<string, string>
  readonly isListed: (id: string) => boolean
  readonly unknown: ReadonlyArray<string>
  readonly resolve: (wanted: string) => Voice | undefined
  readonly withEmotion: (voice: Voice, text: string) => Voice
}

const isEnglish = (voice: { readonly language: string | undefined }): boolean =>
  voice.language?.startsWith("en-") === true

/**
 * The base that each alias stands for: men's for speakers known as men, women's for women, in turn and sorted, so that an
 * engine that lists them in another order answers the same. An engine without such speakers has all its English voices
 * dealt out, one without English all its voices.
 */
const aliasTargets = (bases: ReadonlyArray<BaseVoice>): ReadonlyMap<string, BaseVoice> => {
  const english = bases.filter(isEnglish)
  const all = (english.length > 0 ? english : bases).toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  const known = all.filter(({ speaker }) => Object.hasOwn(knownSpeakers, speaker))
  const dealt = { either: 0, man: 0, woman: 0 }
  return new Map(
    voiceAliases.flatMap((alias) => {
      const heard = openAiVoices[alias]
      const fitting = known.filter(({ speaker }) => heard === "either" || knownSpeakers[speaker] === heard)
      const targets = [fitting, known, all].find(({ length }) => length > 0)
      if (targets === undefined) return []
      const base = targets[dealt[heard] % targets.length]!
      dealt[heard] += 1
      return [[alias, base]]
    }),
  )
}

/** `PleasantSurprised` as it is written in a sentence, unless it is said not to be. */
const namesEmotion = (text: string, emotion: string): boolean => {
  const words = emotion.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").split(/[^\p{L}]+/u)
  const pattern = new RegExp(
    `(?<!(?:\\bnot|\\bnever|\\bwithout|n't)\\s+(?:\\p{L}+\\s+)?)\\b${words.join("\\W+")}\\b`,
    "iu",
  )
  return pattern.test(text)
}

/**
 * Builds the index of `ids`, as the engine lists them.
 *
 * @param ownAliases names of the operator's own, each with the name of the voice that it stands for
 */
export const indexVoices = (
  ids: ReadonlyArray<string>,
  ownAliases: Readonly<Record<string, string>> = {},
): VoiceIndex => {
  const voices = Array.from(new Set(ids), parseVoice)
  const bases = collapseVoices(ids)
  const byId = new Map(voices.map((voice) => [voice.id, voice]))
  const spokenBy = (base: BaseVoice): Voice => byId.get(base.speakAs)!

  // The first to claim a name keeps it, so the order of the claims is the order of preference.
  const exact = new Map(byId)
  for (const base of bases) if (!exact.has(base.id)) exact.set(base.id, spokenBy(base))
  const named = new Map<string, Voice>()
  const claim = (name: string, voice: Voice) => {
    const key = name.toLowerCase()
    if (!named.has(key)) named.set(key, voice)
  }
  for (const voice of voices) claim(voice.id, voice)
  for (const base of bases) claim(base.id, spokenBy(base))
  const englishFirst = [...bases.filter(isEnglish), ...bases.filter((base) => !isEnglish(base))]
  for (const base of englishFirst) claim(base.speaker, spokenBy(base))
  for (const id of englishFirst.flatMap((base) => base.variants)) {
    const voice = byId.get(id)!
    if (voice.emotion !== undefined) claim(`${voice.speaker}.${voice.emotion}`, voice)
  }
  for (const [alias, base] of aliasTargets(bases)) claim(alias, spokenBy(base))

  const byBase = new Map(bases.map((base) => [base.id, base]))
  const emotionOf = (voice: Voice, fits: (emotion: string) => boolean): Voice =>
    byBase
      .get(voice.base)!
      .variants.map((id) => byId.get(id)!)
      .find(({ emotion }) => emotion !== undefined && fits(emotion)) ?? voice
  const own = new Map<string, Voice>()
  const find = (wanted: string): Voice | undefined => {
    const key = wanted.trim().toLowerCase()
    return exact.get(wanted) ?? own.get(key) ?? named.get(key)
  }
  const resolve = (wanted: string): Voice | undefined => {
    const found = find(wanted)
    const dot = wanted.lastIndexOf(".")
    if (found !== undefined || dot < 1) return found
    const plain = find(wanted.slice(0, dot))
    const emotion = wanted
      .slice(dot + 1)
      .trim()
      .toLowerCase()
    return plain === undefined ? undefined : emotionOf(plain, (one) => one.toLowerCase() === emotion)
  }
  // All of them are looked up before one is set: an alias that stands for another is no chain.
  const targets = Object.entries(ownAliases).map(([alias, wanted]) => [alias, resolve(wanted)] as const)
  for (const [alias, voice] of targets) if (voice !== undefined) own.set(alias.trim().toLowerCase(), voice)

  return {
    bases,
    aliases: new Map(
      [...new Set([...voiceAliases, ...own.keys()])].flatMap((alias) => {
        const voice = find(alias)
        return voice === undefined ? [] : [[alias, voice.base]]
      }),
    ),
    isListed: (id) => exact.has(id),
    unknown: targets.flatMap(([alias, voice]) => (voice === undefined ? [alias] : [])),
    resolve,
    withEmotion: (voice, text) =>
      voice.emotion === undefined ? emotionOf(voice, (emotion) => namesEmotion(text, emotion)) : voice,
  }
}
