/**
 * The text as engines and the cache key get it: NFC, control characters dropped, every run of white space one space,
 * trimmed. Two spellings that sound the same give one entry.
 */
export const normalise = (text: string): string =>
  text
    .normalize("NFC")
    // Cc without the white space among it, Cf without the joiners that some scripts and emoji need, and lone surrogates.
    .replaceAll(/[\u0000-\u0008\u000E-\u001F\u007F-\u009F\u00AD\uFEFF\u200B\u2060]|\p{Cs}/gu, "")
    .replaceAll(/\s+/gu, " ")
    .trim()

/** Length in Unicode code points, which is what OpenAI limits and what is billed. */
export const codePoints = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

/** Whether an engine would say anything. Home Assistant checks a server with the text "." and needs audio in answer. */
export const isSpeakable = (text: string): boolean => /[\p{L}\p{N}\p{Sc}\p{Sm}]/u.test(text)

/**
 * How many letters and digits are spoken, for judging a duration; `latin` are those of Latin script and ASCII digits, which
 * a Chinese or Japanese voice says as fast as any other. A letter drawn out ("Nooooo") counts at most twice, since engines
 * do not draw it out as far.
 */
export const spokenCharacters = (text: string): { readonly latin: number; readonly other: number } => {
  let latin = 0
  let other = 0
  let run = 0
  let previous = ""
  for (const character of text) {
    run = character === previous ? run + 1 : 1
    previous = character
    if (run > 2) continue
    if (/[\p{sc=Latin}0-9]/u.test(character)) latin++
    else if (/[\p{L}\p{N}]/u.test(character)) other++
  }
  return { latin, other }
}
