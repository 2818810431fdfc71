import { assert, describe, it } from "@effect/vitest"
import { sentences, toAscii } from "../../src/embedded/Sentences.ts"

describe("sentences", () => {
  it("speaks sentence by sentence", () => {
    assert.deepStrictEqual(sentences("It rains. Does it?  Yes!\nSo be it."), [
      "It rains.",
      "Does it?",
      "Yes!",
      "So be it.",
    ])
  })

  it("keeps a title and an initial with the name", () => {
    assert.deepStrictEqual(sentences("I met Dr. Smith. He knew J. S. Bach. Mr. Jones did not."), [
      "I met Dr. Smith.",
      "He knew J. S. Bach.",
      "Mr. Jones did not.",
    ])
  })

  it("loses no word of a sentence too long to be spoken at once, and cuts where a pause belongs", () => {
    const clause = "and then it went on for a good while, "
    const text = `${clause.repeat(40)}until it ended.`
    const pieces = sentences(text)
    assert.isTrue(pieces.every((piece) => piece.length <= 400))
    assert.isTrue(pieces.slice(0, -1).every((piece) => piece.endsWith(",")))
    assert.strictEqual(pieces.join(" "), text)
  })

  it("cuts a word without end", () => {
    const pieces = sentences("a".repeat(2_000))
    assert.deepStrictEqual(
      pieces.map((piece) => piece.length),
      [400, 400, 400, 400, 400],
    )
  })

  it("leaves out what has no sound", () => {
    assert.deepStrictEqual(sentences("… ! 😀 日本語。"), [])
    assert.deepStrictEqual(sentences("😀 Hello. ***"), ["Hello."])
  })
})

describe("toAscii", () => {
  it("keeps what typography and accents stand for", () => {
    assert.strictEqual(toAscii("Don’t — “naïve” café…"), `Don't , "naive" cafe...`)
    assert.strictEqual(toAscii("Straße\u0000 5 €"), "Strasse 5 euros")
  })
})
