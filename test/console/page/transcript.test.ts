import { expect, it } from "vitest"
import { srtOf, transcriptOf, vttOf, wordsOf } from "../../../src/console/page/transcript.ts"

const answer = {
  text: "Hello there. <b>Bye.</b>",
  duration: 3_725.5,
  segments: [
    { start: 0, end: 1.5, text: " Hello there." },
    { start: 3_723.004, end: 3_725.5, text: "<b>Bye.</b>" },
  ],
  words: [
    { start: 0, end: 0.7, word: "Hello" },
    { start: 0.7, end: 1.5, word: "there." },
    { start: 3_723.004, end: 3_725.5, word: "<b>Bye.</b>" },
  ],
}

it("a word belongs to the line that it begins in", () => {
  const { lines, words } = transcriptOf(answer)
  expect(lines.map((line) => wordsOf(line, words).map(({ text }) => text))).toEqual([
    ["Hello", "there."],
    ["<b>Bye.</b>"],
  ])
})

it("an answer without times is a text", () => {
  expect(transcriptOf({ text: "Hello.", usage: { seconds: 3 } })).toEqual({
    text: "Hello.",
    lines: [],
    words: [],
    seconds: 3,
  })
})

it("subtitles count hours, minutes, seconds and thousandths, and a text is no markup", () => {
  const { lines } = transcriptOf(answer)
  expect(srtOf(lines)).toBe(
    "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n01:02:03,004 --> 01:02:05,500\n<b>Bye.</b>\n\n",
  )
  expect(vttOf(lines)).toContain("01:02:03.004 --> 01:02:05.500\n&lt;b&gt;Bye.&lt;/b&gt;\n")
})
