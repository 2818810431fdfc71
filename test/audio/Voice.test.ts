import { describe, expect, it } from "vitest"
import { collapseVoices, parseVoice, resolveVoice, voiceAliases } from "../../src/audio/Voice.ts"

const listed = [
  "Magpie-Multilingual.ES-US.Diego",
  "Magpie-Multilingual.ES-US.Diego.Happy",
  "Magpie-Multilingual.EN-US.Mia",
  "Magpie-Multilingual.EN-US.Mia.Angry",
  "Magpie-Multilingual.EN-US.Aria.Neutral",
  "Magpie-Multilingual.EN-US.Aria.Happy",
  "Magpie-Multilingual.EN-US.Jason",
  "Magpie-Multilingual.DE-DE.Mia",
]

describe("parseVoice", () => {
  it("takes a Magpie voice apart", () => {
    expect(parseVoice("Magpie-Multilingual.EN-US.Mia.Angry")).toEqual({
      id: "Magpie-Multilingual.EN-US.Mia.Angry",
      base: "Magpie-Multilingual.EN-US.Mia",
      language: "en-US",
      speaker: "Mia",
      emotion: "Angry",
    })
  })

  it.each([
    ["Magpie-Multilingual.ES-US.Diego", "Magpie-Multilingual.ES-US.Diego", "es-US", "Diego", undefined],
    ["Magpie-ZeroShot.Female-1", "Magpie-ZeroShot.Female-1", undefined, "Female-1", undefined],
    ["English-US-Magpie-Flow.Male.Happy", "English-US-Magpie-Flow.Male", "en-US", "Male", "Happy"],
    ["English-US.Female-1", "English-US.Female-1", "en-US", "Female-1", undefined],
    ["Flite.EN-US.SLT", "Flite.EN-US.SLT", "en-US", "SLT", undefined],
    ["EN-US.Mia", "EN-US.Mia", undefined, "Mia", undefined],
    ["plain", "plain", undefined, "plain", undefined],
    ["", "", undefined, "", undefined],
  ])("reads %s", (id, base, language, speaker, emotion) => {
    expect(parseVoice(id)).toEqual({ id, base, language, speaker, emotion })
  })
})

describe("collapseVoices", () => {
  it("keeps the engine's order and gathers the emotions", () => {
    expect(collapseVoices(listed).map((voice) => voice.id)).toEqual([
      "Magpie-Multilingual.ES-US.Diego",
      "Magpie-Multilingual.EN-US.Mia",
      "Magpie-Multilingual.EN-US.Aria",
      "Magpie-Multilingual.EN-US.Jason",
      "Magpie-Multilingual.DE-DE.Mia",
    ])
    expect(collapseVoices(listed)[1]!.variants).toEqual([
      "Magpie-Multilingual.EN-US.Mia",
      "Magpie-Multilingual.EN-US.Mia.Angry",
    ])
  })

  it("speaks as the first variant where the plain voice is not listed", () => {
    const [mia, aria] = collapseVoices(listed).slice(1)
    expect(mia!.speakAs).toBe("Magpie-Multilingual.EN-US.Mia")
    expect(aria!.speakAs).toBe("Magpie-Multilingual.EN-US.Aria.Neutral")
  })

  it("speaks as the plain voice even when it is listed after its emotions", () => {
    expect(collapseVoices(["A.EN-US.B.Sad", "A.EN-US.B"])[0]!.speakAs).toBe("A.EN-US.B")
  })

  it("lists a voice once that an engine lists twice", () => {
    expect(collapseVoices(["A.EN-US.B", "A.EN-US.B"])[0]!.variants).toEqual(["A.EN-US.B"])
  })
})

describe("resolveVoice", () => {
  it.each([
    ["an exact id", "Magpie-Multilingual.EN-US.Mia.Angry", "Magpie-Multilingual.EN-US.Mia.Angry"],
    ["a base that is not listed itself", "Magpie-Multilingual.EN-US.Aria", "Magpie-Multilingual.EN-US.Aria.Neutral"],
    ["another case, answered as listed", "magpie-multilingual.en-us.mia.angry", "Magpie-Multilingual.EN-US.Mia.Angry"],
    ["the locale as BCP 47 writes it", "Magpie-Multilingual.en-US.Aria", "Magpie-Multilingual.EN-US.Aria.Neutral"],
    ["a speaker, English first", "mia", "Magpie-Multilingual.EN-US.Mia"],
    ["a speaker of another language", "Diego", "Magpie-Multilingual.ES-US.Diego"],
    ["a speaker and an emotion", "Aria.Happy", "Magpie-Multilingual.EN-US.Aria.Happy"],
  ])("knows %s", (_, wanted, id) => {
    expect(resolveVoice(wanted, listed)?.id).toBe(id)
  })

  it("spreads the aliases over the English voices, whatever the order of the list", () => {
    const chosen = voiceAliases.map((alias) => resolveVoice(alias, listed)!.id)
    expect(new Set(chosen)).toEqual(
      new Set([
        "Magpie-Multilingual.EN-US.Mia",
        "Magpie-Multilingual.EN-US.Aria.Neutral",
        "Magpie-Multilingual.EN-US.Jason",
      ]),
    )
    expect(voiceAliases.map((alias) => resolveVoice(alias, listed.toReversed())!.base)).toEqual(
      chosen.map((id) => parseVoice(id).base),
    )
  })

  it("speaks an alias with any voice of an engine that has no English", () => {
    expect(resolveVoice("alloy", ["Magpie-ZeroShot.Female-1"])?.id).toBe("Magpie-ZeroShot.Female-1")
  })

  it("prefers a speaker to an alias of the same name", () => {
    expect(resolveVoice("echo", [...listed, "Magpie-Multilingual.FR-FR.Echo"])?.id).toBe(
      "Magpie-Multilingual.FR-FR.Echo",
    )
  })

  it.each(["nobody", "", "Magpie-Multilingual.EN-US.Mia.Bored", "__proto__"])("does not know %j", (wanted) => {
    expect(resolveVoice(wanted, listed)).toBeUndefined()
  })

  it("knows nobody without a list", () => {
    expect(resolveVoice("alloy", [])).toBeUndefined()
  })
})
