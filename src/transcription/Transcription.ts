import { Context, type Effect } from "effect"
import type { Transcript } from "../upstream/ParakeetClient.ts"
import type { TranscriptionError } from "./TranscriptionError.ts"

/**
 * An upload on disk.
 *
 * @property path where the upload was spooled; it must outlive the call
 * @property language BCP 47 or ISO 639-1; absent: the engine's default
 */
export interface TranscriptionRequest {
  readonly path: string
  readonly model: string
  readonly language?: string | undefined
}

/** A transcript and the length of what was heard, in seconds. */
export interface Transcribed extends Transcript {
  readonly durationSeconds: number
}

/** The transcription program: audio to text. */
export class Transcription extends Context.Service<
  Transcription,
  { readonly transcribe: (request: TranscriptionRequest) => Effect.Effect<Transcribed, TranscriptionError> }
>()("aviary/transcription/Transcription") {}
