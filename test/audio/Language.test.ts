import { expect, it } from "@effect/vitest"
import { languageName, readLanguage } from "../../src/audio/Language.ts"

it.each([
  ["en", "en"],
  ["en-US", "en-US"],
  ["en_GB", "en-GB"],
  ["EN-us", "en-US"],
  ["eng", "en"],
  ["english", "en"],
  [" English ", "en"],
  ["en_US.UTF-8", "en-US"],
  ["pt-br", "pt-BR"],
  ["Mandarin", "zh"],
  ["haitian creole", "ht"],
  ["multi", "multi"],
])("%j is the language %s", (written, tag) => {
  expect(readLanguage(written)).toEqual({ tag })
})

it.each(["", " ", "auto", "AUTO", "None", "null", "undefined", "und"])("%j leaves the language open", (written) => {
  expect(readLanguage(written)).toBe("none")
})

it.each(["klingonish", "x", "12", "en-", "e n"])("%j is no language", (written) => {
  expect(readLanguage(written)).toBe("unreadable")
})

it("a language has an English name, whatever its region", () => {
  expect(["en-US", "de", "pt-BR", "zh-Hans-CN", "no", "fil", "german"].map(languageName)).toEqual([
    ...["english", "german", "portuguese", "chinese", "norwegian", "tagalog", "german"],
  ])
})

it("what has no name stays as it is", () => {
  expect(["multi", "Klingonish"].map(languageName)).toEqual(["multi", "klingonish"])
})
