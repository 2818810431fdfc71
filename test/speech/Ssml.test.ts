import { expect, it } from "vitest"
import { isSsml, withoutSsml } from "../../src/speech/Ssml.ts"

it.each([
  ["<speak>Hi.</speak>", true],
  ['  <speak version="1.0">Hi.</speak>\n', true],
  ["<speaker>Hi.</speaker>", false],
  ["Say <speak>Hi.</speak>", false],
  ["<speak>Hi.", false],
])("%j: %j", (text, is) => expect(isSsml(text)).toBe(is))

it("what is heard of a document is its text", () => {
  const document =
    '<speak>You say <phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme>,<break time="1s"/> R&amp;D.</speak>'
  expect(withoutSsml(document)).toBe("You say tomato , R&D.")
})
