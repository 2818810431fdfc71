import { Context, type Effect, Schema, type Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"

/** An engine behind the NIM's routes failed. `clientFault`: because of what it was given. */
export class NimEngineError extends Schema.TaggedError<NimEngineError>()("NimEngineError", {
  message: Schema.String,
  clientFault: Schema.Boolean,
}) {}

/**
 * What a `NimServer` speaks and listens with.
 *
 * - `speechModel`, `transcriptionModel`: names under `/v1/models`.
 * - `voices`: ids with their locale, such as `Flite.EN-US.SLT`.
 * - `languages`: BCP 47 tags that can be transcribed.
 * - `synthesize`: `voice` is one of `voices`.
 * - `transcribe`: the text of the WAV, Ogg or FLAC file at `path`.
 */
export class NimEngines extends Context.Service<
  NimEngines,
  {
    readonly speechModel: string
    readonly transcriptionModel: string
    readonly voices: ReadonlyArray<string>
    readonly languages: ReadonlyArray<string>
    readonly synthesize: (request: {
      readonly text: string
      readonly voice: string
      readonly language: string
    }) => Stream.Stream<Pcm, NimEngineError>
    readonly transcribe: (path: string, language: string) => Effect.Effect<string, NimEngineError>
  }
>()("aviary/nim/NimEngines") {}
