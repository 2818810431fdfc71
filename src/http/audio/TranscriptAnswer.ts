import { deflateSync } from "node:zlib"
import { languageName } from "../../audio/Language.ts"
import { type Segment, textOf } from "../../audio/Segment.ts"
import type { TranscriptFormat } from "../../contract/TranscriptionForm.ts"
import type {
  DiarizedTranscription,
  SpeakerSegment,
  TranscriptionResult,
  VerboseTranscription,
} from "../../contract/Transcripts.ts"
import { cuesOf } from "../../transcription/Cue.ts"
import { srt, vtt } from "../../transcription/Subtitles.ts"

const encoder = new TextEncoder()

/** All of a transcript, and how it was asked for. */
export interface WholeTranscript {
  readonly segments: ReadonlyArray<Segment>
  readonly language: string
  readonly durationSeconds: number
  readonly words: boolean
  readonly temperature: number
  readonly translated: boolean
}

const seconds = (ms: number): number => ms / 1_000

/** What OpenAI bills by: whole seconds, begun ones counted. */
export const usageOf = (durationSeconds: number) => ({ type: "duration", seconds: Math.ceil(durationSeconds) }) as const

/** How much shorter a text gets by zlib: above 2.4 recognizers take it for a loop. */
const compression = (text: string): number => {
  const bytes = encoder.encode(text)
  return bytes.length === 0 ? 0 : Math.round((1_000 * bytes.length) / deflateSync(bytes).length) / 1_000
}

/**
 * All ten fields, without each of which the Vercel AI SDK refuses the whole answer. The engines tell neither tokens nor
 * probabilities: they are those of a segment that nobody doubts.
 */
const verboseSegment =
  (temperature: number) =>
  ({ endMs, startMs, text }: Segment, id: number): VerboseTranscription["segments"][number] => ({
    id,
    // The frame of 10 ms that the engine was at.
    seek: Math.floor(startMs / 10),
    start: seconds(startMs),
    end: seconds(endMs),
    text,
    tokens: [],
    temperature,
    avg_logprob: 0,
    compression_ratio: compression(text),
    no_speech_prob: 0,
  })

const verbose = ({ durationSeconds, language, segments, temperature, translated, words }: WholeTranscript) =>
  ({
    task: translated ? "translate" : "transcribe",
    // OpenAI's own answer to a translation is in English, too.
    language: translated
      ? "english"
      : languageName(segments.find((one) => one.language !== undefined)?.language ?? language),
    duration: durationSeconds,
    text: textOf(segments),
    segments: segments.map(verboseSegment(temperature)),
    ...(words
      ? {
          words: segments.flatMap((segment) =>
            (segment.words ?? []).map(({ endMs, startMs, word }) => ({
              word: word.trim(),
              start: seconds(startMs),
              end: seconds(endMs),
            })),
          ),
        }
      : {}),
    usage: usageOf(durationSeconds),
  }) satisfies VerboseTranscription

/** A segment of `diarized_json`. What the engine gave no speaker is somebody's all the same. */
export const speakerSegment = ({ endMs, speaker, startMs, text }: Segment, id: number): SpeakerSegment => ({
  type: "transcript.text.segment",
  id: segmentId(id),
  start: seconds(startMs),
  end: seconds(endMs),
  text,
  speaker: speaker ?? "unknown",
})

export const segmentId = (id: number): string => `seg_${id}`

const diarized = ({ durationSeconds, segments }: WholeTranscript) =>
  ({
    task: "transcribe",
    duration: durationSeconds,
    text: textOf(segments),
    segments: segments.map(speakerSegment),
    usage: usageOf(durationSeconds),
  }) satisfies DiarizedTranscription

const json = (body: TranscriptionResult | VerboseTranscription | DiarizedTranscription) => ({
  contentType: "application/json",
  body: encoder.encode(JSON.stringify(body)),
})

/** Subtitles too: OpenAI's clients take what is no JSON for text. */
const plain = (text: string) => ({ contentType: "text/plain; charset=utf-8", body: encoder.encode(text) })

/** The answer's bytes: never none, since text ends in a line feed. */
export const rendered = (whole: WholeTranscript, format: TranscriptFormat | undefined) => {
  switch (format) {
    case "text":
      return plain(`${textOf(whole.segments)}\n`)
    case "srt":
      return plain(srt(whole.segments.flatMap(cuesOf)) || "\n")
    case "vtt":
      return plain(vtt(whole.segments.flatMap(cuesOf)))
    case "verbose_json":
      return json(verbose(whole))
    case "diarized_json":
      return json(diarized(whole))
    case "json":
    case undefined:
      return json({ text: textOf(whole.segments), usage: usageOf(whole.durationSeconds) })
  }
}
