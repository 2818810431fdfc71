import { Option, Schema } from "effect"
import { expect, it } from "vitest"
import { plainSpeech, SpeechPayload } from "../../src/contract/SpeechPayload.ts"

const decode = Schema.decodeUnknownOption(SpeechPayload)

/** What each field is tried with: as it should be, at its limits, in other ways to write it, and wrong. */
const tried: Readonly<Record<string, ReadonlyArray<unknown>>> = {
  model: ["tts-1", "", "x".repeat(256), "x".repeat(257), 1, null],
  input: ["Hello", "", null, 5, ["Hello"]],
  voice: ["alloy", "", "x".repeat(257), { id: "alloy" }, null, 7],
  instructions: ["angry", "", null, 1],
  response_format: ["mp3", "MP3", "wav", " pcm ", "doc", null, 3],
  speed: [1, 0.25, 4, 0.2, 4.1, "1.5", Number.NaN, null],
  stream_format: ["audio", "sse", "SSE", "none", null],
  language: ["en-US", "german", "?", "", null],
  sample_rate_hz: [8_000, 48_000, 7_999, 48_001, 22_050.5, "24000", null],
  another: ["field", null],
}

it.each([null, "text", 5, [], {}, ["tts-1"]].map((body) => [body]))("%j is for the schema", (body) => {
  expect(plainSpeech(body)).toBeUndefined()
})

it("what is decoded without the schema is what the schema makes of it, in its order", () => {
  const whole = { model: "tts-1", input: "Hello", voice: "alloy", response_format: "wav", sample_rate_hz: 22_050 }
  const bodies = Object.entries(tried).flatMap(([name, values]) => [
    ...values.flatMap((value) => [
      { ...whole, [name]: value },
      { [name]: value, ...whole },
      { model: "tts-1", input: "Hello", [name]: value },
    ]),
    Object.fromEntries(Object.entries(whole).filter(([other]) => other !== name)),
  ])
  const plain = bodies.filter((body) => plainSpeech(body) !== undefined)
  for (const body of plain) {
    expect(JSON.stringify(plainSpeech(body))).toBe(JSON.stringify(Option.getOrUndefined(decode(body))))
  }
  // Of those that the schema takes.
  expect(plain.length).toBeGreaterThan(bodies.filter((body) => Option.isSome(decode(body))).length / 2)
})
