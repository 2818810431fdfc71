/**
 * What OpenAI's specification (openai-openapi 2.3.0, of 2026-08-21) says of the bodies and events of `/v1/audio/transcriptions` and
 * `/v1/audio/translations`: what must be there, and of which type. Written from the specification, not from the gateway's own schemas.
 */
import { Schema } from "effect"

const optional = Schema.optionalKey
const { Array: List, Finite, Int, String: Text, Struct } = Schema

const Logprob = Struct({ token: optional(Text), logprob: optional(Finite), bytes: optional(List(Int)) })
const DurationUsage = Struct({ type: Schema.Literals(["duration"]), seconds: Finite })
const TokenUsage = Struct({
  type: Schema.Literals(["tokens"]),
  input_tokens: Int,
  input_token_details: optional(Struct({ text_tokens: optional(Int), audio_tokens: optional(Int) })),
  output_tokens: Int,
  total_tokens: Int,
})
const Usage = Schema.Union([DurationUsage, TokenUsage])

/** `TranscriptionWord`, `TranscriptionSegment`, `TranscriptionDiarizedSegment`. */
const Word = Struct({ word: Text, start: Finite, end: Finite })
const Segment = Struct({
  id: Int,
  seek: Int,
  start: Finite,
  end: Finite,
  text: Text,
  tokens: List(Int),
  temperature: Finite,
  avg_logprob: Finite,
  compression_ratio: Finite,
  no_speech_prob: Finite,
})
const DiarizedSegment = Struct({
  type: Schema.Literals(["transcript.text.segment"]),
  id: Text,
  start: Finite,
  end: Finite,
  text: Text,
  speaker: Text,
})

/** The bodies, by `response_format`. */
export const transcriptBodies = {
  json: Struct({
    text: Text,
    languages: optional(List(Struct({ code: Text }))),
    logprobs: optional(List(Logprob)),
    usage: optional(Usage),
  }),
  verbose_json: Struct({
    task: optional(Schema.Literals(["transcribe", "translate"])),
    // A full English name in lower case, as the examples have it.
    language: Text.check(Schema.isPattern(/^[a-z ]+$/)),
    duration: Finite,
    text: Text,
    words: optional(List(Word)),
    segments: optional(List(Segment)),
    usage: optional(DurationUsage),
  }),
  diarized_json: Struct({
    task: Schema.Literals(["transcribe"]),
    duration: Finite,
    text: Text,
    segments: List(DiarizedSegment),
    usage: optional(Usage),
  }),
}

/** `CreateTranscriptionResponseStreamEvent`. */
export const transcriptEvent = Schema.Union([
  Struct({
    type: Schema.Literals(["transcript.text.delta"]),
    delta: Text,
    logprobs: optional(List(Logprob)),
    segment_id: optional(Text),
  }),
  DiarizedSegment,
  Struct({
    type: Schema.Literals(["transcript.text.done"]),
    text: Text,
    logprobs: optional(List(Logprob)),
    usage: optional(Usage),
  }),
])

/** Fails where `value` is not what the specification says, or holds what it does not know. */
export const validated = <S extends Schema.ConstraintCodec<unknown, unknown>>(schema: S, value: unknown): S["Type"] =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(value)
