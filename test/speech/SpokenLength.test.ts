import { describe, expect, it } from "vitest"
import { longestSaid, mustSound, surelySaid } from "../../src/speech/SpokenLength.ts"

describe("surelySaid", () => {
  it.each([
    ["letters, and neither symbols nor digits", "Room 101 = *open*!", "en-US", 8],
    ["accents with their letters", "café crème", "fr-FR", 9],
    ["four letters a syllable at most", "through", "en-US", 4],
    ["a word without vowels as one syllable", "hmmpfgrx", "en-US", 4],
    ["two of a letter drawn out", "Nooooooo", "en-US", 3],
    ["two of a syllable repeated", "Hahahahaha", "en-US", 4],
    ["two of a word repeated", "no ".repeat(20), "en-US", 4],
    ["two of a phrase repeated", "you and me, ".repeat(9), "en-US", 16],
    ["two of a word, whatever stands between", "No, no; no - NO!", "en-US", 4],
    ["a word that is repeated once", "bye bye", "en-US", 6],
    ["no other script", "Good morning is Доброе утро", "en-US", 13],
    ["its own script in Russian", "Доброе утро", "ru-RU", 10],
    ["no Latin in Chinese", "OK，今天的天气", "zh-CN", 5],
    ["all three scripts of Japanese", "今日はアイス。", "ja-JP", 6],
    ["Devanagari without its marks", "नमस्ते", "hi-IN", 4],
    ["nothing in a language that is not known", "Hello", "xx-XX", 0],
    ["nothing in a tag that is none", "Hello", "not a tag", 0],
    ["nothing in a script that Unicode lacks", "Hello", "en-Zxxx", 0],
  ])("counts %s", (_, text, language, letters) => {
    expect(surelySaid(text, language)).toBe(letters)
  })

  it("counts what comes three times in a row twice, of whatever length and case, and leaves what is longer", () => {
    const letters = "bcdfghjklmnpqrstvwxzbcdfghjk"
    for (let length = 1; length <= letters.length; length++) {
      const said = letters.slice(0, length)
      const times = (count: number) => surelySaid(`${Array.from({ length: count }, () => said).join(" ")} end`, "en-US")
      const upper = surelySaid(`${said} ${said.toUpperCase()} ${said} end`, "en-US")
      const [twice, thrice] = [times(2), times(3)]
      // A word and the space behind it.
      expect([length, thrice === twice, upper]).toEqual([length, length < 24, thrice])
    }
  })

  it("takes letters that are in ASCII after the case is folded for those", () => {
    // The Kelvin sign is a k, and the long s an s, where case does not matter.
    expect(surelySaid("kk\u212Akkk", "en-US")).toBe(surelySaid("kkkkkk", "en-US"))
    expect(surelySaid("su\u017Fusu", "en-US")).toBeLessThan(surelySaid("sutusu", "en-US"))
  })

  it("is quick with the longest and most repetitive text there may be", () => {
    const startedAt = performance.now()
    for (const text of ["ab".repeat(1_000), "a b ".repeat(500), "abcdefghijklmnopqrstuvwxy".repeat(80)]) {
      surelySaid(text, "en-US")
    }
    // 3 ms on an idle core; a regular expression gone wrong takes minutes.
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })
})

describe("mustSound", () => {
  it.each([
    ["Hello", "en-US", true],
    ["今天", "en-US", false],
    ["今天", "zh-CN", true],
    ["今天 7", "en-US", true],
    ["今天 ٧", "en-US", true],
    ["…", "en-US", false],
  ])("%j in %s: %s", (text, language, expected) => {
    expect(mustSound(text, language)).toBe(expected)
  })
})

describe("longestSaid", () => {
  it("gives symbols and digits the time that their names take, and white space none", () => {
    const plain = longestSaid("one", "en-US", 1.5)
    expect(plain).toBe(2)
    expect(longestSaid("one =42", "en-US", 1.5)).toBe(plain + 6)
  })

  it("gives another script the time of its slowest reading", () => {
    expect(longestSaid("今天", "en-US", 1.5)).toBeGreaterThan(longestSaid("ab", "en-US", 1.5))
  })
})
