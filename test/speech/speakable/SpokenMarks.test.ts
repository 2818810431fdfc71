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
  ])("%j", (text, spoken) => expect(readAloud(text)).toBe(spoken))
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
