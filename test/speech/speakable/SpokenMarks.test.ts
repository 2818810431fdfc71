import { describe, expect, it } from "vitest"
import { asSentence, mayNeedReading, readAloud } from "../../../src/speech/speakable/SpokenMarks.ts"

describe("mayNeedReading", () => {
  it.each([
    "*a*",
    "# a",
    "- a",
    "2. a",
    "a | b",
    "`a`",
    "www.a.example",
    "https://a",
    "===",
    "😀",
    "❤",
    "1⃣",
    "🇩🇪",
    "&amp;",
    "<b>",
    "a\n----",
  ])("%j", (text) => expect(mayNeedReading(text)).toBe(true))

  it.each([
    "Plain words, 5 - 3 = 2, 100% & more.",
    "It's 3.5 km... isn't it?",
    "你好，世界。",

    "R&D; yes",
    "a.b@c.example",
  ])("not %j", (text) => expect(mayNeedReading(text)).toBe(false))
})

describe("readAloud", () => {
  it.each([
    ["Great 😀!", "Great!"],
    ["a ==== b", "a   b"],
    ["wait... what", "wait... what"],
    ["7 © 2026 ™", "7 © 2026 ™"],
    ["Press 1️⃣, then 2⃣3️⃣ and #️⃣.", "Press 1, then 2 3 and #."],
    ["20 °C, 5 ★, 10 € → 12 ↔ 13", "20 °C, 5 ★, 10 € → 12 ↔ 13"],
    ["1, 2, 3 # *", "1, 2, 3 # *"],
  ])("%j", (text, spoken) => expect(readAloud(text)).toBe(spoken))
})

it.each([
  ["a flag", "🇩🇪"],
  ["the flag of a part", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
  ["half a flag", "🇩"],
  ["a family", "👩‍👩‍👧‍👦"],
  ["one that no list has", "👩‍🚀‍🐈"],
  ["a skin tone", "👋🏽"],
  ["two of them", "🫱🏻‍🫲🏿"],
  ["a skin tone alone", "🏽"],
  ["one without its sign", "❤"],
  ["one that is said to be text", "✌︎"],
  ["a burning heart", "❤️‍🔥"],
  ["many", "😀🎉👍"],
])("of an emoji nothing is left: %s", (_, emoji) => {
  for (const [text, spoken] of [
    [emoji, ""],
    [`a ${emoji} b`, "a b"],
    [`a${emoji}.`, "a."],
  ] as const) {
    expect(readAloud(text).replaceAll(/ +/g, " ").trim()).toBe(spoken)
  }
})

it("nothing is left of any picture that Unicode has", () => {
  const kept = [..."©®‼⁉™ℹ↔↕↖↗↘↙↩↪"]
  let seen = 0
  for (let code = 0x80; code < 0x20000; code += 1) {
    const sign = String.fromCodePoint(code)
    if (!/[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{RI}]/v.test(sign) || kept.includes(sign)) continue
    seen += 1
    for (const one of [sign, `${sign}\uFE0F`]) {
      expect(mayNeedReading(one), one).toBe(true)
      expect(readAloud(one).trim(), one).toBe("")
    }
  }
  expect(seen).toBeGreaterThan(1_000)
})

describe("asSentence", () => {
  it.each([
    ["a", "a."],
    ["a!", "a!"],
    ["(a.)", "(a.)"],
    ['He said "a."', 'He said "a."'],
    ["好。", "好。"],
    [" a \n b ", "a b."],
    ["---", ""],
  ])("%j", (text, sentence) => expect(asSentence(text)).toBe(sentence))
})
