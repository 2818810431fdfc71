import { Schema } from "effect"
import { EngineFailure } from "../upstream/EngineFailure.ts"

/** The upload is no audio that can be read here; `message` says why and what is accepted. */
export class Undecodable extends Schema.TaggedError<Undecodable>()("Undecodable", { message: Schema.String }) {}

/** The engine failed; see `EngineFailure`. */
export class TranscriptionEngineFailed extends Schema.TaggedError<TranscriptionEngineFailed>()(
  "TranscriptionEngineFailed",
  { failure: EngineFailure },
) {}

/** The gateway's own disk failed while the upload was decoded. */
export class SpoolFailed extends Schema.TaggedError<SpoolFailed>()("SpoolFailed", { message: Schema.String }) {}

/** Why a transcription was not delivered. */
export class TranscriptionError extends Schema.TaggedError<TranscriptionError>()("TranscriptionError", {
  reason: Schema.Union([Undecodable, TranscriptionEngineFailed, SpoolFailed]),
}) {}
