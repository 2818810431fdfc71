import { describe, expect, it } from "vitest"
import { ssmlOf } from "../../src/audio/Ssml.ts"
import { codePoints } from "../../src/speech/SpokenText.ts"
import { split } from "../../src/speech/Utterances.ts"

describe("split", () => {
  it("leaves a text under the limit whole", () => {
    expect(split("One. Two. Three.", 100, "en-US")).toEqual(["One. Two. Three."])
  })
  it("packs as many sentences as fit and cuts between them", () => {
    expect(split("One is here. Two is here. Three is here.", 26, "en-US")).toEqual([
      "One is here. Two is here.",
      "Three is here.",
    ])
  })
  it("knows that an abbreviation and a Chinese full stop differ", () => {
    expect(split("今天很好。明天也好。", 6, "zh-CN")).toEqual(["今天很好。", "明天也好。"])
  })
  it("cuts a sentence that is too long between words", () => {
    expect(split("one two three four five", 9, "en-US")).toEqual(["one two", "three", "four five"])
  })
  it("cuts a word that is too long between graphemes, never inside one", () => {
    const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"
    expect(split(family.repeat(3), 5, "en-US")).toEqual([family, family, family])
  })
  it("leaves room for digits and symbols to be spelled out: a thousand are not one call of a thousand characters", () => {
    for (const text of ["7".repeat(1_000), "= ".repeat(500), "1 + 1 = 2, ".repeat(90), "€".repeat(999)]) {
      const pieces = split(text, 1_000, "en-US")
      // What an engine makes of them: "seven ", "equals ".
      const spelled = (piece: string) => piece.replaceAll(/\d/g, "seven ").replaceAll(/[=+€]/g, "equals ")
      expect(Math.max(...pieces.map((piece) => codePoints(spelled(piece))))).toBeLessThanOrEqual(2_000)
      expect(pieces.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""))
    }
  })
  it("leaves room for the markup of words whose sounds are said", () => {
    const sounds = new Map([["tomato", "təˈmɑːtəʊ"]])
    const pieces = split("A tomato is here. ".repeat(50).trim(), 1_000, "en-US", sounds)
    expect(Math.max(...pieces.map((piece) => ssmlOf(piece, sounds).length))).toBeLessThanOrEqual(1_000)
    expect(pieces.join(" ")).toBe("A tomato is here. ".repeat(50).trim())
  })
  it("cuts plain text where it did: letters and the marks of sentences count once", () => {
    expect(split(`${"a".repeat(90)}, (b) c-d; "e"!`, 106, "en-US")).toHaveLength(1)
  })
  it("falls back to English rules for a tag that is no language", () => {
    expect(split("One. Two.", 5, "not a tag")).toEqual(["One.", "Two."])
  })
  it.each([20, 57, 200, 2_000])("loses no word and keeps to a limit of %i", (limit) => {
    const text = Array.from({ length: 400 }, (_, i) => `word${i}${i % 9 === 0 ? "." : i % 31 === 0 ? "?!" : ""}`).join(
      " ",
    )
    const pieces = split(text, limit, "en-US")
    expect(pieces.every((piece) => codePoints(piece) <= limit)).toBe(true)
    expect(pieces.join(" ")).toBe(text)
  })
})
