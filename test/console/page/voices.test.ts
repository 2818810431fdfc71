import { expect, it } from "vitest"
import { byLanguage } from "../../../src/console/page/voices.ts"

const voice = (id: string, name: string, language: string | null, ...emotions: ReadonlyArray<string>) => ({
  ...{ id, name, language, aliases: [] },
  variants: [id, ...emotions.map((emotion) => `${id}.${emotion}`)],
})

it("voices stand under their language, each followed by its emotions", () => {
  const groups = byLanguage([
    voice("Magpie.EN-US.Mia", "Mia (en-US)", "en-US", "Angry"),
    voice("Magpie.ES-US.Diego", "Diego (es-US)", "es-US"),
    voice("Magpie.EN-US.Leo", "Leo (en-US)", "en-US"),
    voice("tone", "tone", null),
  ])
  expect(groups.map(({ language }) => language)).toEqual(["American English", "Other", "Spanish (United States)"])
  expect(groups[0]!.voices).toEqual([
    { id: "Magpie.EN-US.Mia", name: "Mia" },
    { id: "Magpie.EN-US.Mia.Angry", name: "Mia, Angry" },
    { id: "Magpie.EN-US.Leo", name: "Leo" },
  ])
})
