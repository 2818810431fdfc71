import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import * as Decode from "../../src/audio/DecodeError.ts"
import { makeRoomErrors } from "../../src/http/ErrorAnswers.ts"
import * as Speech from "../../src/speech/SpeechError.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import * as Engine from "../../src/upstream/EngineFailure.ts"

const told = makeRoomErrors({ retryAfter: Duration.seconds(60) })
const speech = (reason: Speech.SpeechError["reason"]) => told(new Speech.SpeechError({ reason }))
const decoding = (reason: Decode.DecodeError["reason"]) => told(new Decode.DecodeError({ reason }))

describe.each([
  ["text-to-speech", (reason: Engine.EngineFailure) => told(new EngineError({ engine: "magpie", reason }))],
  ["speech-to-text", (reason: Engine.EngineFailure) => told(new EngineError({ engine: "parakeet", reason }))],
] as const)("a failing %s engine", (name, fail) => {
  it.each([
    [new Engine.EngineUnreachable({ message: "connect ECONNREFUSED 10.1.2.3:9000" }), 502, "engine_unreachable"],
    [new Engine.EngineTimedOut({ phase: "first byte", afterMillis: 30_000 }), 504, "engine_timeout"],
    [new Engine.EngineLoading({ message: "loading at 10.1.2.3" }), 503, "engine_loading"],
    [new Engine.EngineMalformed({ message: "text/html from 10.1.2.3" }), 502, "engine_malformed"],
    [new Engine.EngineCut({ message: "ECONNRESET 10.1.2.3" }), 502, "engine_cut"],
  ])("%o is told without the engine's address", (failure, status, code) => {
    const error = fail(failure)
    expect(error).toMatchObject({ status, code, param: null })
    expect(error.message).toContain(name)
    expect(error.message).not.toContain("10.1.2.3")
  })

  it("says when to come back while it loads", () => {
    expect(fail(new Engine.EngineLoading({ message: "" })).headers).toEqual({ "retry-after": "60" })
  })

  it.each([429, 503])("that is too busy (%i) is worth another try, and no limit of the client's", (status) => {
    const error = fail(new Engine.EngineRejected({ status, message: "too many requests", body: "" }))
    expect(error).toMatchObject({ status: 503, code: "server_is_overloaded", headers: { "retry-after": "5" } })
  })

  it.each([401, 403, 407])("that does not let the gateway in (%i) is no fault of the client's key", (status) => {
    const error = fail(new Engine.EngineRejected({ status, message: "bad token nvapi-1234 at 10.1.2.3", body: "" }))
    expect(error).toMatchObject({ status: 502, code: "engine_rejected" })
    expect(error.message).not.toMatch(/nvapi|10\.1/)
  })

  it("that finds too much what the gateway made of a request is a bad gateway, not the client's 413", () => {
    const failure = new Engine.EngineRejected({ status: 413, message: "text too long", body: "" })
    expect(fail(failure)).toMatchObject({ status: 502, message: "text too long" })
  })

  it("passes on the engine's own error with its status and text", () => {
    const failure = new Engine.EngineRejected({ status: 422, message: "no such language", body: "{}" })
    expect(fail(failure)).toMatchObject({ status: 422, message: "no such language", code: "engine_rejected" })
  })
})

describe("a speech that cannot be", () => {
  it.each([
    [new Speech.BlankText({}), 400, "blank_text", "input"],
    [new Speech.TextTooLong({ length: 5_000, limit: 4_096 }), 400, "string_above_max_length", "input"],
    [new Speech.UnknownVoice({ voice: "x", available: ["A"] }), 400, "voice_not_found", "voice"],
    [new Speech.Incomplete({ verdict: "empty", message: "nothing" }), 502, "incomplete_audio", null],
  ])("%o", (reason, status, code, param) => {
    expect(speech(reason)).toMatchObject({ status, code, param })
  })
})

describe("an upload that gives no recording", () => {
  it.each([
    [new Decode.Undecodable({ message: "Not audio." }), 400, "invalid_value"],
    [new Decode.DecoderGaveUp({ message: "Took too long." }), 400, "invalid_value"],
    [new Decode.FfmpegMissing({ message: "Install ffmpeg." }), 400, "unsupported_format"],
    [new Decode.TooLong({ message: "Too long.", limitSeconds: 1 }), 400, "audio_too_long"],
  ])("%o names the file, and says what the decoder says", (reason, status, code) => {
    expect(decoding(reason)).toMatchObject({ status, code, param: "file", message: reason.message })
  })

  it("does not blame the client for a full disk", () => {
    const error = decoding(new Decode.SpoolFailed({ message: "ENOSPC: /data/tmp/x" }))
    expect(error).toMatchObject({ status: 503, code: "storage_unavailable", param: null })
    expect(error.message).not.toContain("/data")
  })

  it("says when to come back to a busy decoder", () => {
    const error = decoding(new Decode.DecoderBusy({ message: "" }))
    expect(error).toMatchObject({ status: 503, headers: { "retry-after": "60" } })
  })
})
