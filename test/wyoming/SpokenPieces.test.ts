import { expect, it } from "@effect/vitest"
import { makeSpokenPieces } from "../../src/wyoming/SpokenPieces.ts"

const cut = (chunks: ReadonlyArray<string>, longest = 4_096) => {
  const pieces = makeSpokenPieces(longest)
  return [...chunks.flatMap((chunk) => pieces.add(chunk)), ...pieces.rest()]
}

it("gives a sentence as soon as the next one begins", () => {
  const pieces = makeSpokenPieces(4_096)
  expect(pieces.add("The birds are back in town.")).toEqual([])
  expect(pieces.add(" The")).toEqual(["The birds are back in town. "])
  expect(pieces.rest()).toEqual(["The"])
})

it("waits for more than a word or an abbreviation", () => {
  expect(cut(["Yes. ", "Dr. ", "Smith is here now. ", "Bye."])).toEqual(["Yes. Dr. Smith is here now. ", "Bye."])
})

it("cuts what has no end where a word ends", () => {
  expect(cut(["one two three four five"], 10)).toEqual(["one two ", "three ", "four five"])
})

it("gives an SSML document whole, however long it is", () => {
  const document = '<speak>One sentence of it. <break time="1s"/>Another sentence of it.</speak>'
  expect(cut(document.split(/(?<=\s)/), 20)).toEqual([document])
})

it("loses nothing, and has nothing to say of white space", () => {
  expect(cut([" ", "\n"])).toEqual([])
  const words = "A first sentence that is long. A second one that is longer still! And a third? Yes."
  expect(cut(words.split(/(?<=\s)/)).join("")).toBe(words)
})
