import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { formatIn, languageIn, sameFormat, textIn, voiceIn } from "../../src/wyoming/Said.ts"

const event = (type: string, data: Readonly<Record<string, unknown>>) => ({ type, data })

const mono = { sampleRate: 16_000, bytes: 2, channels: 1 }

it.effect.each([
  ...[0, -1, -16_000, 999, 384_001, 2 ** 32 + 16_000, 16_000.5, Number.NaN, "16000", "NaN", true, [16_000], {}].map(
    (rate) => ["rate", rate, "expected a whole number from 1000 to 384000; without one it is 16000."] as const,
  ),
  ...[0, -2, 5, 1.5, "2", 2 ** 16 + 2].map(
    (width) => ["width", width, "expected a whole number from 1 to 4; without one it is 2."] as const,
  ),
  ...[0, -1, 33, 1.5, "1", 2 ** 16 + 1].map(
    (channels) => ["channels", channels, "expected a whole number from 1 to 32; without one it is 1."] as const,
  ),
])("a %s of %j is refused at the start of a recording, and within", ([name, value, expected]) =>
  Effect.gen(function* () {
    const start = yield* Effect.flip(formatIn(event("audio-start", { [name]: value })))
    expect(start.message).toBe(`Invalid value for 'audio-start.${name}': ${expected}`)
    const chunk = yield* Effect.flip(sameFormat(event("audio-chunk", { [name]: value }), mono))
    expect(chunk.message).toBe(`Invalid value for 'audio-chunk.${name}': ${expected}`)
  }),
)

it.effect("a format is as satellites send it where nothing is said, or null, and a chunk is as its recording", () =>
  Effect.gen(function* () {
    expect(yield* formatIn(event("audio-start", {}))).toEqual(mono)
    expect(yield* formatIn(event("audio-start", { rate: null, width: null, channels: null }))).toEqual(mono)
    const wide = { sampleRate: 48_000, bytes: 3, channels: 2 }
    expect(yield* formatIn(event("audio-start", { rate: 48_000, width: 3, channels: 2 }))).toEqual(wide)
    yield* sameFormat(event("audio-chunk", { rate: null, width: 3 }), wide)
    for (const [name, value, expected] of [
      ["rate", 16_000, 48_000],
      ["width", 2, 3],
      ["channels", 1, 2],
    ] as const) {
      const { message } = yield* Effect.flip(sameFormat(event("audio-chunk", { [name]: value }), wide))
      expect(message).toContain(`'audio-chunk.${name}': expected ${expected}, which the recording began with`)
    }
  }),
)

it.effect("texts, voices and languages are read where they are what they should be, and refused otherwise", () =>
  Effect.gen(function* () {
    expect(yield* textIn(event("synthesize", { text: "Hello." }), "text")).toBe("Hello.")
    for (const text of [undefined, null, ""])
      expect(yield* textIn(event("synthesize", { text }), "text")).toBe(undefined)
    for (const text of [5, false, ["Hello."], {}]) {
      const { message } = yield* Effect.flip(textIn(event("synthesize", { text }), "text"))
      expect(message).toBe("Invalid value for 'synthesize.text': expected a text.")
    }

    const unsaid = { name: undefined, language: undefined }
    for (const voice of [undefined, null, {}, { name: null, language: "" }]) {
      expect(yield* voiceIn(event("synthesize", { voice }))).toEqual(unsaid)
    }
    expect(yield* voiceIn(event("synthesize", { voice: { name: "alloy" } }))).toEqual({ ...unsaid, name: "alloy" })
    for (const voice of ["alloy", 5, ["alloy"]]) {
      const { message } = yield* Effect.flip(voiceIn(event("synthesize", { voice })))
      expect(message).toBe(`Invalid value for 'synthesize.voice': expected an object such as {"name": "alloy"}.`)
    }
    for (const name of ["name", "language"]) {
      const { message } = yield* Effect.flip(voiceIn(event("synthesize", { voice: { [name]: 5 } })))
      expect(message).toBe(`Invalid value for 'synthesize.voice.${name}': expected a text.`)
    }

    expect(yield* languageIn(event("transcribe", { language: "de_DE" }))).toBe("de-DE")
    for (const language of [undefined, null, "", "auto"]) {
      expect(yield* languageIn(event("transcribe", { language }))).toBe(undefined)
    }
    for (const language of [5, "klingonese"]) {
      const { message } = yield* Effect.flip(languageIn(event("transcribe", { language })))
      expect(message).toMatch(/^Invalid value for 'transcribe.language': expected a (text|language such as en)/)
    }
  }),
)
