import { describe, expect, it } from "vitest"
import { judge, plausible, type Verdict } from "../../src/speech/Verdict.ts"

// 93 letters; a person takes about 6.5 s.
const sentence =
  "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power to do for them."

describe("judge", () => {
  it.each<[string, { text?: string; language?: string; speed?: number; seconds: number }, Verdict]>([
    ["a sentence at its usual pace", { seconds: 7.1 }, "complete"],
    ["the same read fast", { seconds: 5 }, "complete"],
    ["half of it", { seconds: 3.5 }, "too short"],
    ["half of it at double speed is a whole at that speed", { seconds: 3.5, speed: 2 }, "complete"],
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
