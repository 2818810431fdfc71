import { describe, expect, it } from "vitest"
import { codePoints, isSpeakable, normalise, speakableCharacters } from "../../src/speech/SpokenText.ts"

describe("normalise", () => {
  it.each([
    ["white space of any kind becomes one space", " a\t\tb\r\n\u00a0c\u3000d ", "a b c d"],
    ["decomposed letters are composed", "cafe\u0301", "caf\u00e9"],
    ["null bytes and other controls are dropped", "a\u0000b\u0007c\u0085", "abc"],
    ["soft hyphens and zero-width spaces are dropped", "co\u00adop\u200bera\ufefftion", "cooperation"],
    ["a lone surrogate is dropped", "a\ud800b", "ab"],
    ["joiners that Hindi and emoji need are kept", "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"],
    ["a plain text is as it is", "Say it, again: (42)!", "Say it, again: (42)!"],
    ["spaces at the ends and twice in between go", " Say  it ", "Say it"],
    ["a delete among plain text is dropped", "a\u007fb", "ab"],
    ["blank text is empty", " \n\t\u200b ", ""],
  ])("%s", (_, text, expected) => {
    expect(normalise(text)).toBe(expected)
    expect(normalise(normalise(text))).toBe(expected)
  })
})

describe("codePoints", () => {
  it("counts an emoji once", () => {
    expect(codePoints("a\u{1f600}b")).toBe(3)
  })
})

describe("isSpeakable", () => {
  it.each([
    [".", false],
    ["?! …", false],
    ["\u{1f600}", false],
    ["7", true],
    ["€", false],
    ["→", false],
    ["|---|---|", false],
    ["~~~ += 🙂", false],
    ["½", true],
    ["٣", true],
    ["你", true],
    ["a.", true],
  ])("%j: %s", (text, expected) => expect(isSpeakable(text)).toBe(expected))
})

describe("speakableCharacters", () => {
  it("counts letters and digits of every script", () => {
    expect(speakableCharacters("Ab 你好, 42! =")).toBe(6)
  })
})
