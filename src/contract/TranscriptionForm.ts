import { Schema } from "effect"

/** The text fields of a transcription form, without the file. Fields not named here are ignored, as OpenAI does. */
export const TranscriptionFields = Schema.Struct({
  model: Schema.String.annotate({
    description: "A speech-to-text model of `GET /v1/models`, or an alias such as `whisper-1`.",
  }).check(Schema.isBetweenLength(1, 256, { message: "expected 1 to 256 characters" })),
  language: Schema.optionalKey(
    Schema.String.annotate({
      description: "ISO 639-1 or BCP 47, such as `en` or `en-US`. Empty counts as absent.",
    }).check(
      Schema.isPattern(/^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$/, {
        message: "expected a language code such as en or en-US",
      }),
    ),
  ),
  response_format: Schema.optionalKey(
    Schema.Literals(["json", "text"]).annotate({
      description: "Default `json`.",
      message: 'expected one of "json", "text"',
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

/** Whether the client reads events. OpenAI ignores `stream` for `whisper-1`, and clients leave it on for that model. */
export const asksForEvents = ({ model, stream }: TranscriptionFields): boolean =>
  model !== "whisper-1" && /^(true|1|yes|on)$/i.test(stream ?? "")

/** The form as the documentation shows it. */
export const TranscriptionForm = Schema.Struct({
  file: Schema.String.annotate({
    description: "The recording. With the other fields at most 26,214,400 bytes.",
    format: "binary",
  }),
  ...TranscriptionFields.fields,
}).annotate({ identifier: "TranscriptionRequest" })

/** The answer to `response_format=json`; `seconds` is the length of the audio, rounded up. */
export const TranscriptionResult = Schema.Struct({
  text: Schema.String,
  usage: Schema.Struct({ type: Schema.tag("duration"), seconds: Schema.Int }),
}).annotate({
  identifier: "Transcription",
  examples: [{ text: "The birds are back.", usage: { type: "duration", seconds: 2 } }],
})
export type TranscriptionResult = typeof TranscriptionResult.Type
