import { Schema, SchemaGetter } from "effect"
import { languageField } from "./LanguageField.ts"
import { defaultFormat, formatNames, formatsAccepted } from "../audio/format/AudioFormat.ts"

/** What a client is told a field accepts, both of a value of the wrong type and of one out of range. */
type Accepts = { readonly message: string }

const nameAccepts: Accepts = { message: "expected 1 to 256 characters" }
const name = Schema.String.annotate(nameAccepts).check(Schema.isBetweenLength(1, 256, nameAccepts))

/** Empty where a client has none. */
const voiceName = Schema.String.check(Schema.isMaxLength(256, { message: "expected at most 256 characters" }))

/** A number, also as a text, as forms and shells write it. */
const lenientNumber = (accepts: Accepts) =>
  Schema.Union([Schema.Finite, Schema.String])
    .annotate(accepts)
    .pipe(
      Schema.decodeTo(Schema.Finite.annotate(accepts), {
        decode: SchemaGetter.transform((written: number | string) =>
          typeof written === "number" ? written : written.trim() === "" ? Number.NaN : Number(written),
        ),
        encode: SchemaGetter.transform((number: number): number | string => number),
      }),
    )

/** One of `names`, in any case. */
const inAnyCase = <const L extends string>(names: ReadonlyArray<L>, accepts: Accepts) =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.Literals(names).annotate(accepts), {
      decode: SchemaGetter.transform((written: string) => written.trim().toLowerCase() as L),
      encode: SchemaGetter.transform((name: L): string => name),
    }),
  )

/** A field that may be left out; OpenAI's clients also write `null` for that. */
const optional = <S extends Schema.Top>(schema: S, annotations: Accepts & { readonly description: string }) =>
  Schema.optionalKey(Schema.NullOr(schema).annotate(annotations))

const formats: Accepts = { message: formatsAccepted }
const speeds: Accepts = { message: "expected a number from 0.25 to 4" }
const streams: Accepts = { message: 'expected one of "audio", "sse"' }
const languages: Accepts = { message: "expected a language such as en-US" }
const sampleRates: Accepts = { message: "expected a whole number from 8000 to 48000" }

/** The body of `POST /v1/audio/speech`. Unknown fields are ignored, as OpenAI does. */
export const SpeechPayload = Schema.Struct({
  model: name.annotate({ description: "A text-to-speech model of `GET /v1/models`, or an alias such as `tts-1`." }),
  input: Schema.String.annotate({
    message: "expected a text",
    description: "The text, at most 4,096 Unicode code points.",
  }),
  voice: optional(Schema.Union([voiceName, Schema.Struct({ id: voiceName })]), {
    message: "expected the name of a voice, or an object with its id",
    description:
      "A voice of `GET /v1/audio/voices`, a speaker's bare name, or an alias such as `alloy`, in any case, with an emotion behind it (`Mia.Angry`) where the engine lists it. Left out or empty: the voice that `alloy` is here.",
  }),
  instructions: optional(Schema.String, {
    message: "expected a text",
    description: "An emotion of the voice that is named in it, such as `angry`, is spoken. Ignored otherwise.",
  }),
  response_format: optional(inAnyCase(formatNames, formats), {
    ...formats,
    description: `One of ${formatNames.map((format) => `\`${format}\``).join(", ")}, default \`${defaultFormat}\`. \`pcm\` is headerless signed 16-bit little-endian mono.`,
  }),
  speed: optional(lenientNumber(speeds).check(Schema.isBetween({ minimum: 0.25, maximum: 4 }, speeds)), {
    ...speeds,
    description: "1, the default, is the voice's own pace.",
  }),
  stream_format: optional(inAnyCase(["audio", "sse"], streams), {
    ...streams,
    description:
      "`sse`: as events `speech.audio.delta` and `speech.audio.done`, whose usage counts the characters that are charged for in place of tokens. Either way audio leaves as it is made.",
  }),
  language: optional(languageField, {
    ...languages,
    description: "In any spelling: `en-US`, `en_GB`, `german`. Left out, empty or `auto`: the voice's own.",
  }),
  sample_rate_hz: optional(
    lenientNumber(sampleRates).check(
      Schema.isInt(sampleRates),
      Schema.isBetween({ minimum: 8_000, maximum: 48_000 }, sampleRates),
    ),
    {
      ...sampleRates,
      description:
        "Hz. Default 24,000; `mp3`, `aac` and `flac` have the engine's own. A rate that the format does not have becomes 24,000.",
    },
  ),
}).annotate({
  identifier: "SpeechRequest",
  examples: [{ model: "tts-1", input: "The birds are back.", voice: "alloy", response_format: "mp3" }],
})
export type SpeechPayload = typeof SpeechPayload.Type

const isWithin = (value: unknown, minimum: number, maximum: number): boolean =>
  value === undefined || (typeof value === "number" && value >= minimum && value <= maximum)

const isTextOrAbsent = (value: unknown, longest: number): boolean =>
  value === undefined || (typeof value === "string" && value.length <= longest)

const isNamed = (value: unknown, names: ReadonlyArray<string>): boolean =>
  value === undefined || (typeof value === "string" && names.includes(value))

/**
 * A body as nearly all clients write it, decoded without the schema, which looks at every field there could be in every way it could be
 * written. Undefined where a field is not just what it becomes: the schema then says what it is, or what is wrong with it.
 */
export const plainSpeech = (written: unknown): SpeechPayload | undefined => {
  if (typeof written !== "object" || written === null) return undefined
  const fields = written as Readonly<Record<string, unknown>>
  const { input, instructions, model, response_format, sample_rate_hz, speed, stream_format, voice } = fields
  const isPlain =
    typeof model === "string" &&
    model.length > 0 &&
    model.length <= 256 &&
    typeof input === "string" &&
    isTextOrAbsent(voice, 256) &&
    isTextOrAbsent(instructions, Number.POSITIVE_INFINITY) &&
    isNamed(response_format, formatNames) &&
    isWithin(speed, 0.25, 4) &&
    isNamed(stream_format, ["audio", "sse"]) &&
    fields["language"] === undefined &&
    isWithin(sample_rate_hz, 8_000, 48_000) &&
    (sample_rate_hz === undefined || Number.isInteger(sample_rate_hz))
  if (!isPlain) return undefined
  const payload: Record<string, unknown> = { model, input }
  if (voice !== undefined) payload["voice"] = voice
  if (instructions !== undefined) payload["instructions"] = instructions
  if (response_format !== undefined) payload["response_format"] = response_format
  if (speed !== undefined) payload["speed"] = speed
  if (stream_format !== undefined) payload["stream_format"] = stream_format
  if (sample_rate_hz !== undefined) payload["sample_rate_hz"] = sample_rate_hz
  return payload as unknown as SpeechPayload
}
