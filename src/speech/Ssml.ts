/** Whether a text is one SSML document. It is handed on whole: half of one is read out as text. */
export const isSsml = (text: string): boolean => /^\s*<speak[\s>]/i.test(text) && /<\/speak>\s*$/i.test(text)

const entities: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
}

/** What is heard of an SSML document, for an engine that takes none and for the verdict. */
export const withoutSsml = (text: string): string =>
  text
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/&(?:amp|lt|gt|quot|apos);/g, (entity) => entities[entity]!)
    .replaceAll(/\s+/gu, " ")
    .trim()
