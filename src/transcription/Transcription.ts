import { Context, Effect, FileSystem, Layer } from "effect"
import { AudioDecoder } from "../audio/AudioDecoder.ts"
import { contentHash } from "../audio/ContentHash.ts"
import { spoolFailed } from "../audio/DecodeError.ts"
import { durationSeconds } from "../audio/Recording.ts"
import { Billing } from "../billing/Billing.ts"
import { Payer } from "../billing/Payer.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
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
      const guard = yield* EngineGuard
      const billing = yield* Billing
      const fs = yield* FileSystem.FileSystem

      const transcribe = Effect.fn("Transcription.transcribe")(function* (request: TranscriptionRequest) {
        const recording = yield* decoder.decode(request.path)
        const hold = yield* billing.reserve({
          kind: "transcription",
          model: parakeet.model,
          audioMillis: Math.ceil(durationSeconds(recording) * 1000),
        })
        if (hold.replayed && hold.outcome !== null) return JSON.parse(hold.outcome) as Transcribed
        const content = yield* Effect.mapError(contentHash(fs, recording.path), spoolFailed)
        const transcript = yield* guard.call(
          "parakeet",
          parakeet.transcribe(recording, { language: request.language }),
          { content },
        )
        const transcribed: Transcribed = { ...transcript, durationSeconds: durationSeconds(recording) }
        const repeatable = (yield* Payer).idempotency !== null
        yield* billing.settle(hold, {
          served: "MISS",
          ...(repeatable ? { outcome: JSON.stringify(transcribed) } : {}),
        })
        return transcribed
      }, Effect.scoped)

      return Transcription.of({ transcribe })
    }),
  )
}
