import { type Sounds, stretches } from "./Sounds.ts"

/** Whether a text is one SSML document. It is handed on whole: half of one is read out as text. */
export const isSsml = (text: string): boolean => /^\s*<speak[\s>]/i.test(text) && /<\/speak>\s*$/i.test(text)

const entities: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
}

const read = (markup: string): string => markup.replaceAll(/&(?:amp|lt|gt|quot|apos);/g, (entity) => entities[entity]!)

const written = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (mark) => Object.keys(entities).find((entity) => entities[entity] === mark)!)

/** What is heard of an SSML document, for an engine that takes none and for the verdict. */
export const withoutSsml = (text: string): string =>
  read(text.replaceAll(/<[^>]*>/g, " "))
    .replaceAll(/\s+/gu, " ")
    .trim()

/** The SSML document that says `text` with its words sounding so; `text` itself where none of them is in it. */
export const ssmlOf = (text: string, sounds: Sounds): string => {
  const found = stretches(text, sounds)
  if (found.every(({ ipa }) => ipa === undefined)) return text
  const marked = found.map(({ ipa, text: said }) =>
    ipa === undefined ? written(said) : `<phoneme alphabet="ipa" ph="${written(ipa)}">${written(said)}</phoneme>`,
  )
  return `<speak>${marked.join("")}</speak>`
}

/** The words of an SSML document whose sounds it says in IPA. */
export const soundsOfSsml = (document: string): Sounds =>
  new Map(
    [...document.matchAll(/<phoneme\b[^>]*?\bph=(["'])(.*?)\1[^>]*>([^<]+)<\/phoneme>/g)].map(([, , ipa, word]) => [
      read(word!).trim().toLowerCase(),
      read(ipa!),
    ]),
  )
