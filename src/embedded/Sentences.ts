/** Longest piece that Flite is given at once, in characters: about 35 seconds of speech, half a second of work. */
const longest = 400

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" })

// The segmenter ends a sentence at "Dr. "; spoken apart, a name would follow after a full stop's pause.
const abbreviated =
  /(^|[\s(])(Mr|Mrs|Ms|Mx|Dr|Prof|St|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Jr|Sr|vs|etc|e\.g|i\.e|No|[A-Z])\.\s*$/

const folded: Readonly<Record<string, string>> = {
  "‘": "'",
  "’": "'",
  "‛": "'",
  "“": '"',
  "”": '"',
  "„": '"',
  "–": ", ",
  "—": ", ",
  "…": "... ",
  "€": " euros ",
  "£": " pounds ",
  "°": " degrees ",
  "×": " times ",
  ß: "ss",
  æ: "ae",
  Æ: "Ae",
  œ: "oe",
  Œ: "Oe",
  ø: "o",
  Ø: "O",
}

/** `text` in the ASCII that Flite reads: accents dropped, typographic marks made plain, the rest left out. */
export const toAscii = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/[^\x00-\x7f]/gu, (character) => folded[character] ?? (/\p{M}/u.test(character) ? "" : " "))
    .replace(/[\x00-\x1f\x7f\s]+/g, " ")
    .trim()

/** The pieces of `text` that are spoken one after another, in ASCII, without those that have no sound. */
export const sentences = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let open = ""
  for (const { segment } of segmenter.segment(text)) {
    open += segment
    if (abbreviated.test(open) && open.length < longest) continue
    found.push(open)
    open = ""
  }
  found.push(open)
  return found
    .map(toAscii)
    .filter((sentence) => /[a-z0-9$%&+=@]/i.test(sentence))
    .flatMap(cut)
}

/** Cuts behind a comma, or a word, or anywhere, whichever comes late enough. */
const cut = (sentence: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let rest = sentence
  while (rest.length > longest) {
    const window = rest.slice(0, longest)
    const pause = Math.max(...[", ", "; ", ": "].map((mark) => window.lastIndexOf(mark) + 1))
    const space = window.lastIndexOf(" ")
    const at = pause > longest / 4 ? pause : space > longest / 4 ? space : longest
    pieces.push(rest.slice(0, at).trim())
    rest = rest.slice(at).trim()
  }
  return [...pieces, rest]
}
