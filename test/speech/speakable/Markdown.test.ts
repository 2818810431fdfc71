import { describe, expect, it } from "vitest"
import { readMarkdown } from "../../../src/speech/speakable/Markdown.ts"
import { ordinaryTexts } from "../../support/ordinaryTexts.ts"

const lines = (...all: ReadonlyArray<string>) => all.join("\n")

describe("what is read aloud", () => {
  it.each([
    ["marks are gone", "It is *very* **bold**, `code` and ~~gone~~.", "It is very bold, code and gone."],
    ["a heading is a sentence", "# The plan\n\nWe go.", lines("The plan.", "We go.")],
    ["of either kind", "The plan\n========\nWe go.", lines("The plan.", "We go.")],
    ["items are sentences", "- eggs\n- milk!\n* * *\n", lines("eggs.", "milk!")],
    ["numbered ones with their number", "3. eggs\n4. milk", lines("3. eggs.", "4. milk.")],
    ["an item may hold others", "- eggs\n  1. brown\n", lines("eggs.", "1. brown.")],
    ["a task is what is to be done", "- [ ] write\n- [x] read", lines("write.", "read.")],
    ["a table goes row by row", "| a | b |\n|---|---|\n| 1 | |\n| 2 | **3** |", lines("a, b.", "1.", "2, 3.")],
    ["code goes by its name", "Do:\n```python\nx = 1\n```", lines("Do:", "A block of code in python.")],
    ["or is one", "```\nx = 1\n```", "A block of code."],
    ["unless there is none", "~~~", ""],
    ["a link is its text", "See [the page](https://a.example/x?y=1).", "See the page."],
    [
      "a bare address is its host",
      "See https://www.a.example/x?y=1 or <http://b.example>.",
      "See a.example or b.example.",
    ],
    ["an address without a scheme as well", "See www.a.example/b.", "See a.example."],
    ["an image is what it shows", "![a bird](b.png)", "a bird"],
    ["a quotation is read", "> So he\n> said.\n\nYes.", lines("So he said.", "Yes.")],
    ["footnotes are for the eye", "True.[^1]\n\n[^1]: Maybe.", "True."],
    ["tags are left out", "<div>\nOne <b>two</b><br>three\n</div>", "One two three."],
    ["and what is none is text", "x <y and z> w, a < b > c", "x <y and z> w, a < b > c"],
    ["an emoji is left out", "Well done 👩‍👩‍👧‍👦! Bye 🇩🇪👋🏽", "Well done! Bye"],
    ["rules are skipped", "One.\n\n-----\n\nTwo.", lines("One.", "Two.")],
    ["a product stays one", "2*3*4 is 24", "2*3*4 is 24"],
    ["so does a name with underscores", "call snake_case_name", "call snake_case_name"],
    ["one tilde means about", "~5 or ~6", "~5 or ~6"],
    ["text that is indented is no code", "One.\n\n    Two.", lines("One.", "Two.")],
    ["entities are what they stand for", "AT&amp;T", "AT&T"],
    ["another script ends its sentences by its own mark", "# 你好。\n\n再见", lines("你好。", "再见.")],
    ["only marks are nothing", "|---|---|---|\n\n***", ""],
  ])("%s", (_, text, spoken) => {
    expect(readMarkdown(text, true).replaceAll(/[ \t]+/g, " ")).toBe(spoken)
  })

  it("code is named in English to those who read English, and by its language alone to others", () => {
    expect(readMarkdown("```rust\nfn\n```\nBien.", false)).toBe("rust.\nBien.")
    expect(readMarkdown("```\nfn\n```\nBien.", false)).toBe("Bien.")
  })
})

it("any text is read to its end, however its marks are nested", () => {
  for (const text of [
    ...ordinaryTexts(7, 200),
    ">".repeat(4_096),
    "[".repeat(4_096),
    "*a ".repeat(1_300),
    "- ".repeat(2_000),
  ]) {
    expect(typeof readMarkdown(text, true)).toBe("string")
  }
})

it("words without marks stay as they are", () => {
  const text = "The birds are singing. It costs $5, i.e. 20% more (or so); isn't it?\nYes."
  expect(readMarkdown(text, true)).toBe(text)
})
