/** How words sound, in IPA without slashes, by the word in lower case and NFC. */
export type Sounds = ReadonlyMap<string, string>

export const noSounds: Sounds = new Map()

/** Finds any of `words`, whole and in any case, the longest first. There is one at least. */
export const wholeWords = (words: Iterable<string>): RegExp => {
  const found = [...words]
    .toSorted((a, b) => b.length - a.length)
    .map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
  return new RegExp(`(?<![\\p{L}\\p{M}\\p{N}])(?:${found.join("|")})(?![\\p{L}\\p{M}\\p{N}])`, "giu")
}

/**
 * A stretch of a text.
 *
 * @property ipa how it sounds, where that is said
 */
export interface Stretch {
  readonly text: string
  readonly ipa?: string
}

/** `text`, which is NFC, cut around the words whose sounds are said. */
export const stretches = (text: string, sounds: Sounds): ReadonlyArray<Stretch> => {
  if (sounds.size === 0) return [{ text }]
  const found: Array<Stretch> = []
  let end = 0
  for (const match of text.matchAll(wholeWords(sounds.keys()))) {
    const ipa = sounds.get(match[0].toLowerCase())
    if (ipa === undefined) continue
    if (match.index > end) found.push({ text: text.slice(end, match.index) })
    found.push({ text: match[0], ipa })
    end = match.index + match[0].length
  }
  if (end < text.length) found.push({ text: text.slice(end) })
  return found
}

/** `text` with the sounds that are said in place of the words: `Say /təˈmeɪtoʊ/.` */
export const sounding = (text: string, sounds: Sounds): string =>
  sounds.size === 0
    ? text
    : stretches(text, sounds)
        .map((one) => (one.ipa === undefined ? one.text : `/${one.ipa}/`))
        .join("")
