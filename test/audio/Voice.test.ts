import { describe, expect, it } from "vitest"
import { collapseVoices, parseVoice } from "../../src/audio/Voice.ts"

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
