import { expect, it } from "vitest"
import { remembered } from "../../src/audio/Remembered.ts"

it("is made once for the same text, also where nothing comes of it, and anew after so many others", () => {
  const made: Array<string> = []
  const initial = remembered((text) => {
    made.push(text)
    return text[0]
  }, 2)
  expect(["a1", "", "a1", ""].map(initial)).toEqual(["a", undefined, "a", undefined])
  expect(made).toEqual(["a1", ""])
  expect(["b1", "a1"].map(initial)).toEqual(["b", "a"])
  expect(made).toEqual(["a1", "", "b1", "a1"])
})
