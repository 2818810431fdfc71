import type { ListedVoice } from "../../contract/AudioGroup.ts"

/** What a menu of voices shows under one language. */
export interface VoiceGroup {
  readonly language: string
  readonly voices: ReadonlyArray<{ readonly id: string; readonly name: string }>
}

const languages = new Intl.DisplayNames(["en"], { type: "language" })

const languageName = (tag: string | null): string => {
  if (tag === null) return "Other"
  try {
    return languages.of(tag) ?? tag
  } catch {
    return tag
  }
}

/** `Mia`, `Mia, Angry`: what an id adds to that of its base voice. */
const namesOf = ({ id, name, variants }: ListedVoice) => {
  const speaker = name.replace(/ \([^)]*\)$/, "")
  return variants.map((variant) => {
    const emotion = variant.startsWith(`${id}.`) ? variant.slice(id.length + 1) : ""
    return { id: variant, name: emotion === "" ? speaker : `${speaker}, ${emotion.replaceAll(".", " ")}` }
  })
}

/** Voices by language, each followed by its emotions. */
export const byLanguage = (voices: ReadonlyArray<ListedVoice>): ReadonlyArray<VoiceGroup> =>
  Array.from(
    Map.groupBy(voices, ({ language }) => languageName(language)),
    ([language, found]) => ({ language, voices: found.flatMap(namesOf) }),
  ).toSorted((a, b) => a.language.localeCompare(b.language))
