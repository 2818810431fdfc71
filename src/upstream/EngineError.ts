import { Schema } from "effect"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import { EngineFailure } from "./EngineFailure.ts"
import { EngineKind } from "./EngineKind.ts"

/** What an engine did not deliver: a synthesis, a transcription, a listing, or the word that it takes calls. */
export class EngineError extends Schema.TaggedError<EngineError>()("EngineError", {
  engine: EngineKind,
  reason: EngineFailure,
}) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

/** What turns a failure of a call into the error of a client of `engine`. */
export const errorOf = (engine: EngineKind) => (reason: EngineFailure) => new EngineError({ engine, reason })
