import { describe, expect, it } from "vitest"
import { parseVoice, voiceAliases } from "../../src/audio/Voice.ts"
import { indexVoices } from "../../src/audio/VoiceIndex.ts"
import { fakeVoices } from "../support/nim.ts"

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

describe("resolve", () => {
  it.each([
    ["an exact id", "Magpie-Multilingual.EN-US.Mia.Angry", "Magpie-Multilingual.EN-US.Mia.Angry"],
    ["a base that is not listed itself", "Magpie-Multilingual.EN-US.Aria", "Magpie-Multilingual.EN-US.Aria.Neutral"],
    ["another case, answered as listed", "magpie-multilingual.en-us.mia.angry", "Magpie-Multilingual.EN-US.Mia.Angry"],
    ["the locale as BCP 47 writes it", "Magpie-Multilingual.en-US.Aria", "Magpie-Multilingual.EN-US.Aria.Neutral"],
    ["a speaker, English first", "mia", "Magpie-Multilingual.EN-US.Mia"],
    ["a speaker of another language", "Diego", "Magpie-Multilingual.ES-US.Diego"],
    ["a speaker and an emotion", "Aria.Happy", "Magpie-Multilingual.EN-US.Aria.Happy"],
  ])("knows %s", (_, wanted, id) => {
    expect(indexVoices(listed).resolve(wanted)?.id).toBe(id)
  })

  it("spreads the aliases over the English voices, whatever the order of the list", () => {
    const chosen = voiceAliases.map((alias) => indexVoices(listed).resolve(alias)!.id)
    expect(new Set(chosen)).toEqual(
      new Set([
        "Magpie-Multilingual.EN-US.Mia",
        "Magpie-Multilingual.EN-US.Aria.Neutral",
        "Magpie-Multilingual.EN-US.Jason",
      ]),
    )
    expect(voiceAliases.map((alias) => indexVoices(listed.toReversed()).resolve(alias)!.base)).toEqual(
      chosen.map((id) => parseVoice(id).base),
    )
  })

  it("has men for the names of men, women for those of women, and nobody who is hard to understand", () => {
    const embedded = ["SLT", "RMS", "AWB", "KAL"].map((speaker) => `Flite.EN-US.${speaker}`)
    const { aliases } = indexVoices(embedded)
    const spoken = (names: ReadonlyArray<string>) => [...new Set(names.map((name) => aliases.get(name)))]
    expect(spoken(["alloy", "ash", "ballad", "echo", "fable", "onyx", "verse", "cedar"])).toEqual(["Flite.EN-US.RMS"])
    expect(spoken(["coral", "nova", "sage", "shimmer", "marin"])).toEqual(["Flite.EN-US.SLT"])
    expect(indexVoices(embedded).resolve("awb")?.id).toBe("Flite.EN-US.AWB")
    expect(indexVoices(embedded).resolve("KAL")?.id).toBe("Flite.EN-US.KAL")
  })

  it("speaks an alias with any voice of an engine that has no English", () => {
    expect(indexVoices(["Magpie-ZeroShot.Female-1"]).resolve("alloy")?.id).toBe("Magpie-ZeroShot.Female-1")
  })

  it("prefers a speaker to an alias of the same name", () => {
    expect(indexVoices([...listed, "Magpie-Multilingual.FR-FR.Echo"]).resolve("echo")?.id).toBe(
      "Magpie-Multilingual.FR-FR.Echo",
    )
  })

  it.each(["nobody", "", "nobody.Angry", "Magpie-Multilingual.EN-US.Nobody", "__proto__"])(
    "does not know %j",
    (wanted) => {
      expect(indexVoices(listed).resolve(wanted)).toBeUndefined()
    },
  )

  it("resolves no name without a list", () => {
    expect(indexVoices([]).resolve("alloy")).toBeUndefined()
  })
})

describe("an emotion", () => {
  const { resolve, withEmotion } = indexVoices([
    "Magpie-Multilingual.EN-US.Mia",
    "Magpie-Multilingual.EN-US.Mia.Angry",
    "Magpie-Multilingual.EN-US.Mia.PleasantSurprised",
  ])
  const mia = resolve("Mia")!

  it.each([
    ["mia.angry", "Angry"],
    ["alloy.Angry", "Angry"],
    ["Mia.Bored", undefined],
    ["alloy.", undefined],
  ])("%s speaks it where the engine lists it, and plainly otherwise", (wanted, emotion) => {
    expect(resolve(wanted)).toMatchObject({ base: "Magpie-Multilingual.EN-US.Mia", emotion })
  })

  it.each([
    ["Speak in an ANGRY tone.", "Angry"],
    ["pleasant surprised, please", "PleasantSurprised"],
    ["Do not sound angry.", undefined],
    ["Angrily.", undefined],
    ["None", undefined],
  ])("is heard in the instructions %j where they name it", (text, emotion) => {
    expect(withEmotion(mia, text).emotion).toBe(emotion)
  })

  it("that the voice was asked for with is not changed by instructions", () => {
    expect(withEmotion(resolve("Mia.PleasantSurprised")!, "angry").emotion).toBe("PleasantSurprised")
  })
})

describe("an operator's own aliases", () => {
  const own = { Alloy: "Diego", narrator: "Mia.Angry", ghost: "Nobody", echo: "narrator" }
  const { aliases, resolve, unknown } = indexVoices(listed, own)

  it("stand for the voices that they name, in any case and before OpenAI's", () => {
    expect(resolve("ALLOY")?.id).toBe(resolve("Diego")?.id)
    expect(resolve("Narrator")?.id).toBe(resolve("Mia.Angry")?.id)
    expect(aliases.get("narrator")).toBe(resolve("Mia")?.base)
  })

  it("are no chain, and tell whose voice is not there", () => {
    expect(unknown).toEqual(["ghost", "echo"])
    expect(resolve("ghost")).toBeUndefined()
    expect(resolve("echo")).toEqual(indexVoices(listed).resolve("echo"))
  })
})

describe("aliases", () => {
  it("tells for each of OpenAI's names the base voice that it resolves to", () => {
    const { aliases, resolve } = indexVoices(listed)
    expect([...aliases.keys()]).toEqual(voiceAliases)
    for (const [alias, base] of aliases) expect(resolve(alias)!.base).toBe(base)
    expect(indexVoices([]).aliases.size).toBe(0)
  })

  it("tells of a name that a speaker of the engine bears, too", () => {
    expect(indexVoices([...listed, "Magpie-Multilingual.FR-FR.Echo.Sad"]).aliases.get("echo")).toBe(
      "Magpie-Multilingual.FR-FR.Echo",
    )
  })
})

describe("isListed", () => {
  it("knows ids and bases as they are spelled, and neither speakers nor aliases", () => {
    const { isListed } = indexVoices(listed)
    expect(listed.every(isListed)).toBe(true)
    expect(isListed("Magpie-Multilingual.EN-US.Aria")).toBe(true)
    for (const name of ["Mia", "alloy", "magpie-multilingual.en-us.mia", "constructor"]) {
      expect(isListed(name)).toBe(false)
    }
  })
})

it("resolves by lookup: a name costs the same in a list of 270 as in one of 4", () => {
  const { resolve } = indexVoices(fakeVoices)
  // Every way of naming answers the very voice that the index holds, so none is parsed or searched for again.
  for (const name of ["alloy", "Mia", "mia.happy", "magpie-multilingual.ja-jp.aria", fakeVoices.at(-1)!]) {
    expect(resolve(name)).toBe(resolve(name))
    expect(fakeVoices).toContain(resolve(name)!.id)
  }
})

/** How often something is looked up in a map, or a list is gone through, until `run` is over. */
const stepsOf = (run: () => unknown): number => {
  const watched: ReadonlyArray<[object, ReadonlyArray<string | symbol>]> = [
    [Map.prototype, ["get", "has", "forEach", "keys", "values", "entries", Symbol.iterator]],
    [Set.prototype, ["has", "forEach", "keys", "values", "entries", Symbol.iterator]],
    [
      Array.prototype,
      ["find", "filter", "map", "some", "every", "flatMap", "includes", "indexOf", "forEach", Symbol.iterator],
    ],
    [RegExp.prototype, ["exec", "test"]],
  ]
  const originals = watched.flatMap(([owner, names]) =>
    names.map((name) => [owner, name, Object.getOwnPropertyDescriptor(owner, name)!] as const),
  )
  let steps = 0
  for (const [owner, name, { value }] of originals) {
    Object.defineProperty(owner, name, {
      configurable: true,
      writable: true,
      value: function (this: unknown, ...args: Array<unknown>) {
        steps += 1
        return (value as (...args: Array<unknown>) => unknown).apply(this, args)
      },
    })
  }
  let counted = 0
  try {
    steps = 0
    run()
    counted = steps
  } finally {
    for (const [owner, name, original] of originals) Object.defineProperty(owner, name, original)
  }
  return counted
}

describe("a list of 300 voices", () => {
  const few = indexVoices(
    ["EN-US.Mia", "EN-US.Jason", "ES-US.Diego", "DE-DE.Mia"].map((name) => `Magpie-Multilingual.${name}`),
  )
  const many = indexVoices([
    ...["EN-US.Mia", "EN-US.Jason", "ES-US.Diego", "DE-DE.Mia"].map((name) => `Magpie-Multilingual.${name}`),
    ...Array.from({ length: 296 }, (_, i) => `Magpie-Multilingual.FR-FR.Voice${i}`),
  ])

  it.each([
    "Magpie-Multilingual.EN-US.Mia",
    "magpie-multilingual.en-us.mia",
    "jason",
    "alloy",
    "Mia.Angry",
    "nobody",
    "no.body",
  ])("costs a request as few steps as one of four: %s", (wanted) => {
    expect(many.resolve(wanted)?.id).toBe(few.resolve(wanted)?.id)
    const steps = stepsOf(() => few.resolve(wanted))
    expect(steps).toBeGreaterThan(0)
    expect(stepsOf(() => many.resolve(wanted))).toBe(steps)
  })

  it("nor does an emotion that is named in words", () => {
    const steps = [few, many].map((list) => {
      const mia = list.resolve("Mia")!
      return stepsOf(() => list.withEmotion(mia, "Sound happy."))
    })
    expect(steps[0]).toBeGreaterThan(0)
    expect(steps[1]).toBe(steps[0])
  })
})
