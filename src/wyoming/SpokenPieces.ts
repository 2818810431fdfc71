/** Fewest characters that are spoken on their own: "Dr." ends no sentence, and a voice needs some words for its melody. */
const fewest = 20

/** Whether what has come so far begins as SSML does: half of a document is read out as text. */
const isOneDocument = (text: string): boolean => /^\s*<speak[\s>]/i.test(text)

const sentences = new Intl.Segmenter("en", { granularity: "sentence" })

/**
 * Cuts text that is still arriving where it can be spoken already: behind sentences that are whole, and within those that are longer
 * than `longest` characters. An SSML document is one piece. What is answered, put together, is what was given.
 */
export const makeSpokenPieces = (longest: number) => {
  let text = ""

  const takeLong = function* (): Generator<string> {
    while (text.length > longest) {
      const space = text.lastIndexOf(" ", longest - 1)
      const cut = space > 0 ? space + 1 : longest
      yield text.slice(0, cut)
      text = text.slice(cut)
    }
  }

  return {
    add: (more: string): ReadonlyArray<string> => {
      text += more
      if (isOneDocument(text)) return []
      const parts = Array.from(sentences.segment(text), ({ segment }) => segment)
      // The last one may go on.
      const whole = parts.slice(0, -1).join("")
      if (whole.trim().length < fewest || whole.length > longest) return [...takeLong()]
      text = text.slice(whole.length)
      return [whole, ...takeLong()]
    },
    rest: (): ReadonlyArray<string> => {
      const pieces = [...(isOneDocument(text) ? [] : takeLong()), text].filter((piece) => piece.trim() !== "")
      text = ""
      return pieces
    },
  }
}
