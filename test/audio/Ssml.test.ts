import { expect, it } from "vitest"
import { isSsml, soundsOfSsml, ssmlOf, withoutSsml } from "../../src/audio/Ssml.ts"

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

it("a text whose words have sounds is one document of them, from which they are read again", () => {
  const sounds = new Map([
    ["tomato", "təˈmɑːtəʊ"],
    ["r&d", 'ɑr"n<d'],
  ])
  const document = ssmlOf("Tomato & R&D, not <tomatoes>.", sounds)
  expect(document).toBe(
    '<speak><phoneme alphabet="ipa" ph="təˈmɑːtəʊ">Tomato</phoneme> &amp; <phoneme alphabet="ipa" ph="ɑr&quot;n&lt;d">R&amp;D</phoneme>, not &lt;tomatoes&gt;.</speak>',
  )
  expect(withoutSsml(document)).toBe("Tomato & R&D , not <tomatoes>.")
  expect(soundsOfSsml(document)).toEqual(sounds)
  expect(ssmlOf("Potato & <b>", sounds)).toBe("Potato & <b>")
})
