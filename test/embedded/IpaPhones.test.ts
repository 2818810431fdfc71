import { describe, expect, it } from "vitest"
import { fliteMarkup } from "../../src/embedded/FliteMarkup.ts"
import { phonesOf } from "../../src/embedded/IpaPhones.ts"

describe("phonesOf", () => {
  it.each([
    ["təˈmeɪtoʊ", "t ax0 m ey1 t ow0"],
    ["təˈmɑːtəʊ", "t ax0 m aa1 t ow0"],
    ["dʒɪf", "jh ih1 f"],
    ["d͡ʒɪf", "jh ih1 f"],
    ["ˈɛndʒɪn ˈɛks", "eh1 n jh ih0 n eh1 k s"],
    ["ˌkuːbərˈnɛtiːz", "k uw0 b er0 n eh1 t iy0 z"],
    ["ˈbʌtn̩", "b ah1 t ax0 n"],
    ["ˈfrãsɔ", "f r aa1 s ao0"],
    ["çɛ", "hh eh1"],
    ["ˈθɪŋk.ðæt", "th ih1 ng k dh ae0 t"],
  ])("/%s/ is %s", (ipa, phones) => expect(phonesOf(ipa)).toBe(phones))

  it.each(["ǃxóõ", "engine 9", "", "ː", "日"])("%j has a sound that Flite has not, or none", (ipa) =>
    expect(phonesOf(ipa)).toBeUndefined(),
  )
})

describe("fliteMarkup", () => {
  const markup = fliteMarkup(
    new Map([
      ["tomato", "təˈmɑːtəʊ"],
      ["c++", "siː"],
      ["señor", "sɛˈnjɔɹ"],
      ["click", "ǃ"],
    ]),
  )
  const mark = (phones: string, behind = "") => `<phoneme ph="${phones}">word${behind}</phoneme>`
  const tomato = "t ax0 m aa1 t ow0"
  it.each([
    ["Say tomato, now.", `<speak>Say ${mark(tomato, ",")} now.</speak>`],
    ["TOMATO", `<speak>${mark(tomato)}</speak>`],
    ["A tomato's leaf", `<speak>A ${mark(`${tomato} z`)} leaf</speak>`],
    ["tomato C++!", `<speak>${mark(tomato)} ${mark("s iy1", "!")}</speak>`],
    ['"senor" <a> & b; c', `<speak> ${mark("s eh0 n y ao1 r")}   less than a greater than  & b, c</speak>`],
  ])("%j", (sentence, marked) => expect(markup(sentence)).toBe(marked))

  it.each(["Say potato.", "tomatoes", "click"])("%j is left to Flite", (sentence) =>
    expect(markup(sentence)).toBeUndefined(),
  )
})
