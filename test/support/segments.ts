import type { Segment } from "../../src/audio/Segment.ts"
import { makeDice } from "./dice.ts"

const words = [
  ...["the", "a", "and", "but", "of", "to", "in", "because", "birds", "back", "consider", "prudently", "amiable"],
  ...["Dr.", "42", "$5.20", "it’s", "well,", "yes.", "no?", "however;", "R&D", "<b>", "-->", "a<b", "x>y", "&amp;"],
  ...["naïve", "Straße", "日本語の文章です。", "спасибо", "supercalifragilisticexpialidocioussupercalifragilistic"],
]

/**
 * Segments of a transcript that look random: times in order, now and then with no time of their own or with a long pause, some with
 * the times of their words.
 */
export const randomSegments = (seed: number): ReadonlyArray<Segment> => {
  const { below, chance, pick } = makeDice(seed)
  let ms = below(2_000)
  return Array.from({ length: 1 + below(8) }, (_, n): Segment => {
    const said = Array.from({ length: 1 + below(chance(0.2) ? 120 : 20) }, () => pick(words))
    const startMs = ms
    const step = chance(0.1) ? 0 : below(900)
    const timed = said.map((word) => {
      const wordStart = ms
      ms += step
      return { word, startMs: wordStart, endMs: ms }
    })
    const endMs = ms
    if (chance(0.3)) ms += below(4_000)
    return { startMs, endMs, text: `${n === 0 ? "" : " "}${said.join(" ")}`, ...(chance(0.5) ? { words: timed } : {}) }
  })
}
