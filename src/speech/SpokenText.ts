/**
 * The text as engines and the cache key get it: NFC, control characters dropped, every run of white space one space,
 * trimmed. Two spellings that sound the same give one entry.
 */
export const normalise = (text: string): string => (mayChange.test(text) ? normalised(text) : text)

/** Not so most English texts: words of ASCII with a space between any two. */
const mayChange = /[^ -~]| {2}|^ | $/

const normalised = (text: string): string =>
  text
    .normalize("NFC")
    // Cc without the white space among it, Cf without the joiners that some scripts and emoji need, and lone surrogates.
    .replaceAll(/[\u0000-\u0008\u000E-\u001F\u007F-\u009F\u00AD\uFEFF\u200B\u2060]|\p{Cs}/gu, "")
    .replaceAll(/\s+/gu, " ")
    .trim()

const surrogate = /[\ud800-\udfff]/

/** Length in Unicode code points, which is what OpenAI limits and what is billed. */
export const codePoints = (text: string): number => {
  if (!surrogate.test(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

/**
 * Whether there is anything to say: a letter or a digit. Symbols alone are not, whatever an engine makes of them. Home
 * Assistant checks a server with the text "." and needs audio in answer.
 */
export const isSpeakable = (text: string): boolean => /[\p{L}\p{N}]/u.test(text)

/** How many letters and digits there are to say. */
export const speakableCharacters = (text: string): number => text.match(/[\p{L}\p{N}]/gu)?.length ?? 0
