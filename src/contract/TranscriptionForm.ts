import { Schema, SchemaGetter } from "effect"
import { languageField } from "./LanguageField.ts"

const language = languageField.annotate({
  description:
    "In any spelling: `en`, `en-US`, `en_GB`, `english`. Empty or `auto` counts as absent: the engine's own default then.",
})

/** What the answer may be. */
const transcriptFormats = ["json", "text", "srt", "vtt", "verbose_json", "diarized_json"] as const
export type TranscriptFormat = (typeof transcriptFormats)[number]

/** A part of a list, in any case. */
const granularity = Schema.String.pipe(
  Schema.decodeTo(Schema.Literals(["word", "segment"]).annotate({ message: 'expected one of "word", "segment"' }), {
    decode: SchemaGetter.transform((written: string) => written.toLowerCase() as "word" | "segment"),
    encode: SchemaGetter.transform((name: "word" | "segment"): string => name),
  }),
)

/** Members of a list. Each is looked at in the loop that serves everybody. */
export const mostMembers = 1_000

const few = Schema.isMaxLength(mostMembers, { message: `expected at most ${mostMembers} of them` })

const oneOf = (names: ReadonlyArray<string>) => `expected one of ${names.map((name) => `"${name}"`).join(", ")}`

/** `0.2`, written as forms write it. */
const temperature = Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 })).annotate({
  message: "expected a number from 0 to 1",
})

/**
 * The text fields of a transcription, without the file. Fields not named here are ignored, as OpenAI does: `chunking_strategy`, since
 * recordings are cut at their pauses anyway, and `include`, since no engine tells its log probabilities. Empty fields, and those that
 * say `null` or `None`, are absent. Lists come as `name[]` or `name`, once for each or separated by commas.
 */
export const TranscriptionFields = Schema.Struct({
  model: Schema.String.annotate({
    description: "A speech-to-text model of `GET /v1/models`, or an alias such as `whisper-1`.",
  }).check(Schema.isBetweenLength(1, 256, { message: "expected 1 to 256 characters" })),
  language: Schema.optionalKey(language),
  languages: Schema.optionalKey(
    Schema.Array(language).check(few).annotate({
      description: "Languages to expect; the first counts where `language` is absent.",
    }),
  ),
  prompt: Schema.optionalKey(
    Schema.String.annotate({
      description: "What came before, or how names are spelled; for engines that take it, others ignore it.",
    }),
  ),
  keywords: Schema.optionalKey(
    Schema.Array(Schema.String).check(few).annotate({ description: "Words to expect, for engines that take them." }),
  ),
  temperature: Schema.optionalKey(temperature),
  response_format: Schema.optionalKey(
    Schema.Literals(transcriptFormats).annotate({
      description:
        "Default `json`. `diarized_json` where the engine tells speakers apart. Of events, which `stream` asks for, `diarized_json` alone changes something.",
      message: oneOf(transcriptFormats),
    }),
  ),
  timestamp_granularities: Schema.optionalKey(
    Schema.Array(granularity).check(few).annotate({
      description:
        "For `verbose_json`: `word` adds `words`, which the engine tells or, in English, the gateway finds. Segments are always there.",
    }),
  ),
  stream: Schema.optionalKey(
    Schema.String.annotate({
      description:
        "`true`: the transcript comes as server-sent events, `transcript.text.delta` for each part while the rest is still being heard, then `transcript.text.done` with all of it. `whisper-1` ignores it, as OpenAI's does.",
    }),
  ),
})
export type TranscriptionFields = typeof TranscriptionFields.Type

/** Those of them that are lists. */
export const listFields: ReadonlySet<string> = new Set([
  "include",
  "keywords",
  "languages",
  "timestamp_granularities",
] satisfies ReadonlyArray<keyof TranscriptionFields | "include">)

/** Whether the client reads events. OpenAI ignores `stream` for `whisper-1`, and clients leave it on for that model. */
export const asksForEvents = ({ model, stream }: TranscriptionFields): boolean =>
  model.toLowerCase() !== "whisper-1" && /^(true|1|yes|on)$/i.test(stream ?? "")

/** The form as the documentation shows it. */
export const TranscriptionForm = Schema.Struct({
  file: Schema.String.annotate({
    description:
      "The recording. With the other fields at most 26,214,400 bytes, unless `AVIARY_UPLOAD_MAX_BYTES` says otherwise.",
    format: "binary",
  }),
  ...TranscriptionFields.fields,
}).annotate({ identifier: "TranscriptionRequest" })
