import { expect, it } from "vitest"
import { repeatsItself } from "../../src/embedded/Repetition.ts"

it.each([
  ["a word three times", "a more, a more, a more", 3],
  ["a longer group, in whatever case", "And so it was. and so it was and So it was", 5],
  ["more words than the time holds", "one two three four five six seven eight nine ten eleven twelve", 2],
])("knows %s", (_, text, seconds) => {
  expect(repeatsItself(text, seconds)).toBe(true)
})

it.each([
  ["nothing", "", 3],
  ["speech", "The quick brown fox jumps over the lazy dog near the river bank.", 4],
  ["a word said twice", "Very, very good, and very good again.", 3],
  ["a fast speaker", "This is about as fast as people speak when they are in a hurry", 3],
  ["two words in half a second", "Hello there", 0.5],
])("takes %s as it is", (_, text, seconds) => {
  expect(repeatsItself(text, seconds)).toBe(false)
})
