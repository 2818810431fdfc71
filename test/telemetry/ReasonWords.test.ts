import { Cause } from "effect"
import { expect, it } from "vitest"
import { DecodeError, undecodable } from "../../src/audio/DecodeError.ts"
import { EmbeddedError, TookTooLong } from "../../src/embedded/EmbeddedError.ts"
import { HealthError, NotRunning } from "../../src/health/HealthError.ts"
import { Incomplete, SpeechError, TextTooLong } from "../../src/speech/SpeechError.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineCut, EngineRejected, EngineTimedOut } from "../../src/upstream/EngineFailure.ts"
import { reasonWords } from "../../src/telemetry/ReasonWords.ts"

it.each([
  [
    new SpeechError({ reason: new Incomplete({ verdict: "empty", message: "it is empty." }) }),
    "Incomplete: it is empty. (verdict empty)",
  ],
  [new SpeechError({ reason: new TextTooLong({ length: 5, limit: 4 }) }), "TextTooLong: length 5, limit 4"],
  [new EngineError({ engine: "magpie", reason: new EngineCut({ message: "reset" }) }), "EngineCut: reset"],
  [
    new EngineError({ engine: "parakeet", reason: new EngineTimedOut({ phase: "idle", afterMillis: 30_000 }) }),
    "EngineTimedOut: phase idle, afterMillis 30000",
  ],
  [new HealthError({ reason: new NotRunning({ message: "no container" }) }), "NotRunning: no container"],
  [new EmbeddedError({ reason: new TookTooLong({ afterMillis: 5 }) }), "TookTooLong: afterMillis 5"],
])("the log says why: %s", (error, words) => {
  expect(Cause.pretty(Cause.fail(error)).split("\n")[0]).toBe(`${error._tag}: ${words}`)
})

it("the log says why a recording cannot be decoded", () => {
  const error: DecodeError = undecodable("It is cut.")
  expect(error.message).toMatch(/^Undecodable: It is cut\./)
})

it("an engine's own words are said once, without the body that they stand in", () => {
  const reason = new EngineRejected({ status: 400, message: "no such voice", body: '{"detail":"no such voice"}' })
  expect(reasonWords(reason)).toBe("EngineRejected: no such voice (status 400)")
})
