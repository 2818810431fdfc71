import { describe, expect, it } from "vitest"
import { judge, plausible, type Verdict } from "../../src/speech/Synthesis.ts"

// 93 letters; a person takes about 6.5 s.
const sentence =
  "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power to do for them."

// 66 letters.
const russian = "Доброе утро, дамы и господа, добро пожаловать на нашу ежегодную конференцию."

describe("judge", () => {
  it.each<[string, { text?: string; language?: string; speed?: number; seconds: number }, Verdict]>([
    ["a sentence at its usual pace", { seconds: 7.1 }, "complete"],
    ["the same read fast", { seconds: 5 }, "complete"],
    ["half of it", { seconds: 3.5 }, "too short"],
    ["half of it at double speed is a whole at that speed", { seconds: 3.5, speed: 2 }, "complete"],
    ["a hurried voice that is faster than it was told", { seconds: 4 / 4, speed: 4 }, "complete"],
    ["a quarter at double speed", { seconds: 1.7, speed: 2 }, "too short"],
    ["nothing at all", { seconds: 0 }, "empty"],
    ["an engine that babbles on", { seconds: 90 }, "too long"],
    ["a word of three letters says nothing by its length", { text: "Hm.", seconds: 0.1 }, "complete"],
    ["a drawn-out word", { text: `N${"o".repeat(200)}!`, seconds: 0.7 }, "complete"],
    ["a number is said longer than it is written", { text: "1,234,567,890.", seconds: 9 }, "complete"],
    [
      "Chinese at its usual pace",
      { text: "今天天气很好，我们一起去公园散步吧。", language: "zh-CN", seconds: 3.4 },
      "complete",
    ],
    [
      "half of the Chinese",
      { text: "今天天气很好，我们一起去公园散步吧。", language: "zh-CN", seconds: 1.6 },
      "too short",
    ],
    ["English words in a Chinese voice", { text: "Welcome to Shanghai", language: "zh-CN", seconds: 1.2 }, "complete"],
    // Measured: what Flite takes for them.
    ["a row of symbols that are read out", { text: `Notes ${"=".repeat(50)}`, seconds: 24 }, "complete"],
    ["a row of symbols that are passed over", { text: `Notes ${"=".repeat(50)}`, seconds: 0.6 }, "complete"],
    ["zeros said one by one", { text: "0".repeat(32), seconds: 11.2 }, "complete"],
    ["ones said as one number", { text: "1".repeat(40), seconds: 0.9 }, "complete"],
    ["laughter", { text: `${"Ha".repeat(30)}!`, seconds: 2.5 }, "complete"],
    ["a word said again and again, run together", { text: "the ".repeat(32), seconds: 1.8 }, "complete"],
    ["letters run together", { text: "a ".repeat(32), seconds: 1.4 }, "complete"],
    ["silent letters", { text: "though through thought brought drought", seconds: 1.5 }, "complete"],
    ["letters said by their names", { text: "WWW ".repeat(10), seconds: 14 }, "complete"],
    ["an address", { text: "https://example.com/a/b?c=d&e=f#g", seconds: 6.6 }, "complete"],
    ["Russian that an English voice skips", { text: `${russian} Hello to you all.`, seconds: 1.3 }, "complete"],
    ["Russian that an English voice says", { text: `${russian} Hello to you all.`, seconds: 9 }, "complete"],
    ["English that a Chinese voice skips", { text: `今天 ${sentence}`, language: "zh-CN", seconds: 0.5 }, "complete"],
    ["half of what a Russian voice has to say", { text: russian, language: "ru-RU", seconds: 2 }, "too short"],
    ["silence of what the voice can not read", { text: "今天的天气非常好", seconds: 0 }, "complete"],
    ["silence of a digit", { text: "今天 7", seconds: 0 }, "empty"],
    ["a language that is none", { language: "not a tag", seconds: 0.1 }, "complete"],
    ["a language without figures of its own", { language: "xx-XX", seconds: 7 }, "complete"],
  ])("%s: %o is %s", (_, { seconds, ...rest }, expected) => {
    expect(judge({ text: sentence, language: "en-US", speed: 1, ...rest, durationMs: seconds * 1000 })).toBe(expected)
  })

  it("takes an operator's own pace for a language", () => {
    const evidence = { text: sentence, language: "en-US", speed: 1, durationMs: 3_500 }
    expect(judge(evidence, { en: [1, 60] })).toBe("complete")
  })
})

describe("plausible", () => {
  it("is wider than a factor of ten for a sentence, so that no voice is turned away", () => {
    const { shortest, longest } = plausible({ text: sentence, language: "en-US", speed: 1 })
    expect(longest / shortest).toBeGreaterThan(10)
  })
})
