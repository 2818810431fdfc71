import { describe, expect, it } from "vitest"
import { attachWords, segmentsOfWords } from "../../src/upstream/TranscriptWords.ts"

const timed = (words: ReadonlyArray<string>, eachMs = 300, pauses: Readonly<Record<number, number>> = {}) => {
  let at = 0
  return words.map((word, i) => {
    at += pauses[i] ?? 0
    const startMs = at
    at += eachMs
    return { word, startMs, endMs: at - 50 }
  })
}

const parts = (text: string, words: ReturnType<typeof timed>) =>
  segmentsOfWords(text, words).map(({ endMs, startMs, text, words }) => [startMs, endMs, text, words!.length])

describe("segmentsOfWords", () => {
  it("ends a segment with a sentence, whose full stop may stand outside of the word", () => {
    expect(parts("The birds sing. Nobody is there!", timed(["The", "birds", "sing", "Nobody", "is", "there"]))).toEqual(
      [
        [0, 850, "The birds sing.", 3],
        [900, 1_750, " Nobody is there!", 3],
      ],
    )
    expect(
      parts("The birds sing. Nobody is there!", timed(["The", "birds", "sing.", "Nobody", "is", "there!"])),
    ).toEqual([
      [0, 850, "The birds sing.", 3],
      [900, 1_750, " Nobody is there!", 3],
    ])
  })

  it("does not end one after a word or two", () => {
    expect(parts("Dr. Low sings.", timed(["Dr.", "Low", "sings."]))).toEqual([[0, 850, "Dr. Low sings.", 3]])
  })

  it("ends one at a pause, and before it grows too long", () => {
    expect(parts("one two three four", timed(["one", "two", "three", "four"], 300, { 2: 2_000 }))).toEqual([
      [0, 550, "one two", 2],
      [2_600, 3_150, " three four", 2],
    ])
    const many = Array.from({ length: 250 }, () => "la")
    const long = segmentsOfWords(many.join(" "), timed(many))
    expect(long.map(({ endMs, startMs }) => endMs - startMs).every((length) => length <= 30_000)).toBe(true)
    expect(long.map(({ text }) => text).join("")).toBe(many.join(" "))
  })

  it("loses nothing of a text in a script without spaces", () => {
    const words = timed(["小鳥", "が", "歌う。", "誰も", "いない。"])
    expect(parts("小鳥が歌う。誰もいない。", words)).toEqual([
      [0, 850, "小鳥が歌う。", 3],
      [900, 1_450, "誰もいない。", 2],
    ])
  })

  it("is one segment where the words are not the text's", () => {
    expect(parts("It costs $68.", timed(["it", "costs", "sixty", "eight", "dollars"]))).toEqual([
      [0, 1_450, "It costs $68.", 5],
    ])
  })
})

describe("attachWords", () => {
  it("gives each segment the words that lie in it, though one may seem to begin before it", () => {
    const words = [...timed(["one", "two"]), { word: "three", startMs: 590, endMs: 900 }]
    const segments = [
      { startMs: 0, endMs: 600, text: "one two" },
      { startMs: 600, endMs: 900, text: " three" },
    ]
    expect(attachWords(segments, words).map(({ words }) => words!.map(({ word }) => word))).toEqual([
      ["one", "two"],
      ["three"],
    ])
  })

  it("leaves a segment its own words, and one without any as it is", () => {
    const own = { startMs: 0, endMs: 600, text: "one", words: [{ word: "own", startMs: 0, endMs: 100 }] }
    const empty = { startMs: 5_000, endMs: 6_000, text: " two" }
    expect(attachWords([own, empty], timed(["one"]))).toEqual([own, empty])
  })
})
