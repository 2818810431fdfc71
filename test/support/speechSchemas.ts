/**
 * What OpenAI's specification (openai-openapi 2.3.0, of 2026-08-21) says of the request, answers and events of `/v1/audio/speech`, and of
 * `/v1/models` and errors: what must be there, and of which type. Written from the specification, not from the gateway's own schemas.
 */
import { Schema } from "effect"

const { Array: List, Int, String: Text, Struct } = Schema

/** `CreateSpeechResponseStreamEvent`: `SpeechAudioDeltaEvent`, `SpeechAudioDoneEvent`. */
export const SpeechEvent = Schema.Union([
  Struct({
    type: Schema.Literals(["speech.audio.delta"]),
    audio: Text.check(Schema.isPattern(/^[A-Za-z0-9+/]+={0,2}$/)),
  }),
  Struct({
    type: Schema.Literals(["speech.audio.done"]),
    usage: Struct({ input_tokens: Int, output_tokens: Int, total_tokens: Int }),
  }),
])
export type SpeechEvent = typeof SpeechEvent.Type

const Model = Struct({
  id: Text,
  object: Schema.Literals(["model"]),
  created: Int,
  owned_by: Text,
  shutdown_date: Schema.optionalKey(Schema.NullOr(Int)),
})

/** `ListModelsResponse`. */
export const ModelList = Struct({ object: Schema.Literals(["list"]), data: List(Model) })

/** `ErrorResponse`. All four are required. */
export const ErrorBody = Struct({
  error: Struct({
    message: Text,
    type: Text,
    param: Schema.NullOr(Text),
    code: Schema.NullOr(Text),
  }),
})

/** The media type of each `response_format`, where the specification or RFCs name one. */
export const mediaTypes = {
  mp3: "audio/mpeg",
  opus: "audio/ogg",
  aac: "audio/aac",
  flac: "audio/flac",
  wav: "audio/wav",
  pcm: "audio/pcm",
} as const
