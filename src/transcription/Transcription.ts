import { Context, Effect, Layer } from "effect"
import { AudioDecoder } from "../audio/AudioDecoder.ts"
import { durationSeconds } from "../audio/Recording.ts"
import { ParakeetClient, type Transcript } from "../upstream/ParakeetClient.ts"
import type { TranscriptionFailure } from "./TranscriptionError.ts"

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
  { readonly transcribe: (request: TranscriptionRequest) => Effect.Effect<Transcribed, TranscriptionFailure> }
>()("aviary/transcription/Transcription") {
  static readonly layer = Layer.effect(
    Transcription,
    Effect.gen(function* () {
      const decoder = yield* AudioDecoder
      const parakeet = yield* ParakeetClient

      const transcribe = Effect.fn("Transcription.transcribe")(function* (request: TranscriptionRequest) {
        const recording = yield* decoder.decode(request.path)
        const transcript = yield* parakeet.transcribe(recording, { language: request.language })
        return { ...transcript, durationSeconds: durationSeconds(recording) }
      }, Effect.scoped)

      return Transcription.of({ transcribe })
    }),
  )
}
