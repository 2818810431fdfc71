import { Effect, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { SpeechPayload } from "../../src/contract/SpeechPayload.ts"
import { TranscriptionFields } from "../../src/contract/TranscriptionForm.ts"
import { schemaFault } from "../../src/http/ErrorAnswers.ts"

const faultOf = <A>(schema: Schema.ConstraintDecoder<A>, input: unknown) =>
  schemaFault(Effect.runSync(Effect.flip(Schema.decodeUnknownEffect(schema)(input))))

describe("a speech request", () => {
  const good = { model: "tts-1", input: "Hello.", voice: "alloy" }

  it.each([
    [{ model: undefined }, "model", "invalid_value", "expected 1 to 256 characters"],
    [{ model: 7 }, "model", "invalid_value", "expected 1 to 256 characters"],
    [{ model: "" }, "model", "invalid_value", "expected 1 to 256 characters"],
    [{ input: 7 }, "input", "invalid_value", "expected a text"],
    [{ input: null }, "input", "invalid_value", "expected a text"],
    [{ voice: 7 }, "voice", "invalid_value", "expected the name of a voice"],
    [{ voice: { id: "x".repeat(257) } }, "voice.id", "invalid_value", "expected at most 256 characters"],
    [{ response_format: "ogg" }, "response_format", "unsupported_value", '"mp3", "opus", "aac", "flac", "wav", "pcm"'],
    [{ response_format: 7 }, "response_format", "invalid_value", '"flac", "wav", "pcm"'],
    [{ stream_format: "ws" }, "stream_format", "unsupported_value", '"audio", "sse"'],
    [{ speed: 0.2 }, "speed", "invalid_value", "from 0.25 to 4"],
    [{ speed: 4.1 }, "speed", "invalid_value", "from 0.25 to 4"],
    [{ speed: "fast" }, "speed", "invalid_value", "from 0.25 to 4"],
    [{ speed: "" }, "speed", "invalid_value", "from 0.25 to 4"],
    [{ speed: "5" }, "speed", "invalid_value", "from 0.25 to 4"],
    [{ speed: true }, "speed", "invalid_value", "from 0.25 to 4"],
    [{ language: "klingonish" }, "language", "invalid_value", "such as en, en-US or english"],
    [{ sample_rate_hz: 7_999 }, "sample_rate_hz", "invalid_value", "from 8000 to 48000"],
    [{ sample_rate_hz: 22_050.5 }, "sample_rate_hz", "invalid_value", "from 8000 to 48000"],
  ])("%j names the field and what it accepts", (change, param, code, accepted) => {
    const fault = faultOf(SpeechPayload, { ...good, ...change })
    expect(fault).toMatchObject({ status: 400, param, code })
    expect(fault.message).toContain(`'${param}'`)
    expect(fault.message).toContain(accepted)
  })

  it.each(["model", "input"] as const)("without %s says that it is missing", (param) => {
    const { [param]: _, ...rest } = good
    expect(faultOf(SpeechPayload, rest)).toMatchObject({ code: "missing_required_parameter", param })
  })

  it.each([[[]], [null], ["text"], [7], [undefined]])("%j is no object", (body) => {
    expect(faultOf(SpeechPayload, body)).toMatchObject({ code: "invalid_body", param: null })
  })

  it("ignores fields that it does not know, and null where a field may be left out", () => {
    const wide = { ...good, backend: "x", stream: true, speed: null, response_format: null, instructions: null }
    expect(Schema.decodeUnknownSync(SpeechPayload)(wide)).toEqual({
      ...good,
      speed: null,
      response_format: null,
      instructions: null,
    })
  })

  it("takes numbers that are written as texts, names in any case, and no voice", () => {
    const decode = Schema.decodeUnknownSync(SpeechPayload)
    const lenient = { response_format: " MP3", stream_format: "SSE", speed: "1.0", sample_rate_hz: "16000" }
    const { voice: _, ...voiceless } = good
    expect(decode({ ...voiceless, ...lenient })).toEqual({
      ...voiceless,
      response_format: "mp3",
      stream_format: "sse",
      speed: 1,
      sample_rate_hz: 16_000,
    })
    for (const voice of [null, "", { id: "" }]) expect(decode({ ...good, voice })).toEqual({ ...good, voice })
  })
})

describe("a transcription form", () => {
  it.each(["sbv", "xml"])("in %s names what there is", (response_format) => {
    const fault = faultOf(TranscriptionFields, { model: "whisper-1", response_format })
    expect(fault).toMatchObject({ status: 400, code: "unsupported_value", param: "response_format" })
    expect(fault.message).toContain('"json", "text", "srt", "vtt"')
  })

  it("without a model says so", () => {
    expect(faultOf(TranscriptionFields, {})).toMatchObject({ code: "missing_required_parameter", param: "model" })
  })
})
