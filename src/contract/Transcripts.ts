import { Schema } from "effect"

const Usage = Schema.Struct({ type: Schema.tag("duration"), seconds: Schema.Int })

/** The answer to `response_format=json`; `seconds` is the length of the audio, rounded up. */
export const TranscriptionResult = Schema.Struct({ text: Schema.String, usage: Usage }).annotate({
  identifier: "Transcription",
  examples: [{ text: "The birds are back.", usage: { type: "duration", seconds: 2 } }],
})
export type TranscriptionResult = typeof TranscriptionResult.Type

/** Where no engine says otherwise, the figures of confidence are those of a segment that nobody doubts. */
const VerboseSegment = Schema.Struct({
  id: Schema.Int,
  seek: Schema.Int,
  start: Schema.Finite,
  end: Schema.Finite,
  text: Schema.String,
  tokens: Schema.Array(Schema.Int),
  temperature: Schema.Finite,
  avg_logprob: Schema.Finite,
  compression_ratio: Schema.Finite,
  no_speech_prob: Schema.Finite,
})

const VerboseWord = Schema.Struct({ word: Schema.String, start: Schema.Finite, end: Schema.Finite })

/** The answer to `verbose_json`: times in seconds, `language` by its English name, `words` where they are asked for. */
export const VerboseTranscription = Schema.Struct({
  task: Schema.Literals(["transcribe", "translate"]),
  language: Schema.String,
  duration: Schema.Finite,
  text: Schema.String,
  segments: Schema.Array(VerboseSegment),
  words: Schema.optionalKey(Schema.Array(VerboseWord)),
  usage: Usage,
}).annotate({ identifier: "VerboseTranscription" })
export type VerboseTranscription = typeof VerboseTranscription.Type

/** A stretch of one speaker, as it stands in `diarized_json` and in the event of the same name. */
export const SpeakerSegment = Schema.Struct({
  type: Schema.tag("transcript.text.segment"),
  id: Schema.String,
  start: Schema.Finite,
  end: Schema.Finite,
  text: Schema.String,
  speaker: Schema.String,
})
export type SpeakerSegment = typeof SpeakerSegment.Type

/** The answer to `diarized_json`. */
export const DiarizedTranscription = Schema.Struct({
  task: Schema.tag("transcribe"),
  duration: Schema.Finite,
  text: Schema.String,
  segments: Schema.Array(SpeakerSegment),
  usage: Usage,
}).annotate({ identifier: "DiarizedTranscription" })
export type DiarizedTranscription = typeof DiarizedTranscription.Type
