import { expect, it } from "vitest"
import { engineLanguage } from "../../src/upstream/EngineLanguage.ts"

it.each([
  ["en", "en-US"],
  ["es", "es-US"],
  ["zh", "zh-CN"],
  ["pt", "pt-BR"],
  ["uk", "uk-UA"],
  ["ar", "ar-AR"],
  ["en-gb", "en-GB"],
  ["pt_PT", "pt-PT"],
  ["zh-Hant-TW", "zh-TW"],
  ["multi", "multi"],
  ["MULTI", "multi"],
  ["not a language", "not a language"],
  ["", ""],
])("asks a NIM for %s as %s", (written, asked) => {
  expect(engineLanguage(written)).toBe(asked)
})
