import { Schema } from "effect"
import type { DecodeError } from "../audio/DecodeError.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { HealthError } from "../health/HealthError.ts"
import type { ScratchError } from "../scratch/ScratchSpace.ts"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import type { EngineError } from "../upstream/EngineError.ts"

/** What was asked for the engine does not do; `message` says so, and what to ask for instead. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", {
  param: Schema.String,
  message: Schema.String,
}) {}

/** Why the program itself does not transcribe a recording. */
export class TranscriptionError extends Schema.TaggedError<TranscriptionError>()("TranscriptionError", {
  reason: Unsupported,
}) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

/** Why a transcription was not delivered, by the room that says so. */
export type TranscriptionFailure =
  | TranscriptionError
  | DecodeError
  | EngineError
  | HealthError
  | BillingError
  | ScratchError
