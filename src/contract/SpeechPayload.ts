import { Schema } from "effect"
import { AudioFormat, defaultFormat, formatsAccepted } from "../audio/format/AudioFormat.ts"

/** What a client is told a field accepts, both of a value of the wrong type and of one out of range. */
type Accepts = { readonly message: string }

const nameAccepts: Accepts = { message: "expected 1 to 256 characters" }
const name = Schema.String.annotate(nameAccepts).check(Schema.isBetweenLength(1, 256, nameAccepts))

/** A field that may be left out; OpenAI's clients also write `null` for that. */
const optional = <S extends Schema.Top>(schema: S, annotations: Accepts & { readonly description: string }) =>
  Schema.optionalKey(Schema.NullOr(schema).annotate(annotations))

const formats: Accepts = { message: formatsAccepted }
const speeds: Accepts = { message: "expected a number from 0.25 to 4" }
const streams: Accepts = { message: 'expected "audio"; server-sent events ("sse") are not available' }
const languages: Accepts = { message: "expected a BCP 47 language tag such as en-US" }
const sampleRates: Accepts = { message: "expected a whole number from 8000 to 48000" }

/** The body of `POST /v1/audio/speech`. Unknown fields are ignored, as OpenAI does. */
export const SpeechPayload = Schema.Struct({
  model: name.annotate({ description: "A text-to-speech model of `GET /v1/models`, or an alias such as `tts-1`." }),
  input: Schema.String.annotate({
    message: "expected a text",
    description: "The text, at most 4,096 Unicode code points.",
  }),
  voice: Schema.Union([name, Schema.Struct({ id: name })]).annotate({
    message: "expected the name of a voice, or an object with its id",
    description: "A voice of `GET /v1/audio/voices`, a speaker's bare name, or an alias such as `alloy`.",
  }),
  response_format: optional(AudioFormat.annotate(formats), {
    ...formats,
    description: `Default \`${defaultFormat}\`. \`pcm\` is headerless signed 16-bit little-endian mono.`,
  }),
  speed: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0.25, maximum: 4 }, speeds)), {
    ...speeds,
    description: "1, the default, is the voice's own pace.",
  }),
  stream_format: optional(Schema.Literals(["audio"]).annotate(streams), {
    ...streams,
    description: "Audio is always streamed as it is made.",
  }),
  language: optional(Schema.String.check(Schema.isPattern(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, languages)), {
    ...languages,
    description: "BCP 47, such as `en-US`. Default: the voice's own.",
  }),
  sample_rate_hz: optional(
    Schema.Finite.check(Schema.isInt(sampleRates), Schema.isBetween({ minimum: 8_000, maximum: 48_000 }, sampleRates)),
    { ...sampleRates, description: "Hz of `wav` and `pcm`. Default 24,000." },
  ),
}).annotate({
  identifier: "SpeechRequest",
  examples: [{ model: "tts-1", input: "The birds are back.", voice: "alloy", response_format: "mp3" }],
})
export type SpeechPayload = typeof SpeechPayload.Type
