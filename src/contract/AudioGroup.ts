import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { contentTypeOf, defaultFormat, formatNames } from "../audio/format/AudioFormat.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { keyOptional, KeyAccess, ListingAccess } from "./KeyAccess.ts"
import { SpeechPayload } from "./SpeechPayload.ts"
import { TranscriptionForm } from "./TranscriptionForm.ts"
import { DiarizedTranscription, TranscriptionResult, VerboseTranscription } from "./Transcripts.ts"

/** A base voice; `id` and `name` are Open WebUI's, the rest is ours. */
export const ListedVoice = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  language: Schema.NullOr(Schema.String).annotate({ description: "BCP 47. null: its name does not tell." }),
  aliases: Schema.Array(Schema.String).annotate({ description: "OpenAI's names that are spoken with this voice." }),
  variants: Schema.Array(Schema.String).annotate({
    description: "The ids of this voice as its engine lists them: the plain one and its emotions.",
  }),
}).annotate({ identifier: "ListedVoice" })
export type ListedVoice = typeof ListedVoice.Type

const VoiceList = Schema.Struct({ voices: Schema.Array(ListedVoice) }).annotate({
  identifier: "VoiceList",
  examples: [
    {
      voices: [
        {
          id: "Magpie-Multilingual.EN-US.Mia",
          name: "Mia (en-US)",
          language: "en-US",
          aliases: ["alloy", "echo"],
          variants: ["Magpie-Multilingual.EN-US.Mia", "Magpie-Multilingual.EN-US.Mia.Angry"],
        },
      ],
    },
  ],
})

const AudioModelList = Schema.Struct({
  models: Schema.Array(Schema.Struct({ id: Schema.String })),
}).annotate({ identifier: "AudioModelList", examples: [{ models: [{ id: "magpie-tts-multilingual" }] }] })

const audioTypes = formatNames.map(contentTypeOf)
const audio = HttpApiSchema.StreamUint8Array({ contentType: audioTypes })
const spoken = HttpApiSchema.StreamUint8Array({ contentType: [...audioTypes, "text/event-stream"] })
const part = Schema.Uint8Array.pipe(
  HttpApiSchema.asUint8Array({ contentType: contentTypeOf(defaultFormat) }),
  HttpApiSchema.status(206),
)

/** Speech and transcription, and the two listings in Open WebUI's shapes. */
export class AudioGroup extends HttpApiGroup.make("audio")
  .add(
    HttpApiEndpoint.post("speech", "/v1/audio/speech", {
      payload: SpeechPayload,
      success: spoken,
      error: errorsWith(400, 404, 409, 413, 415, 429, 500, 502, 503, 504),
    })
      .middleware(KeyAccess)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Speak a text",
          description:
            "The audio streams as it is made. A response that ends properly is the whole speech; one that fails after its first byte is broken off. `Cache-Control: no-cache` makes the speech anew, `no-store` keeps it out of the cache; `x-cache` says how it was served.",
        }),
      ),
    HttpApiEndpoint.get("entry", "/v1/audio/speech/:key", {
      params: { key: Schema.String },
      success: [audio, part, HttpApiSchema.Empty(304)],
      error: errorsWith(404, 412, 416, 429),
    })
      .middleware(KeyAccess)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Fetch a speech that was made before",
          description:
            "The speech that the `content-location` of an earlier answer names, once it is whole. With `etag`, `Range`, conditional requests and `HEAD` (RFC 9110). Not charged; it counts as a request against a key's limits. With `AVIARY_CACHE_SHARED=account` only the account has it that had it made.",
        }),
      ),
    HttpApiEndpoint.post("transcription", "/v1/audio/transcriptions", {
      payload: [
        TranscriptionForm.pipe(HttpApiSchema.asMultipartStream()),
        HttpApiSchema.StreamUint8Array({ contentType: "application/json" }),
      ],
      success: [
        Schema.Union([TranscriptionResult, VerboseTranscription, DiarizedTranscription]),
        Schema.String.pipe(HttpApiSchema.asText()),
        Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/vtt" })),
        Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
      ],
      error: errorsWith(400, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504),
    })
      .middleware(KeyAccess)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Transcribe a recording",
          description:
            "As a form, or as JSON with the same fields and the recording as `input_audio: { data, format }`, `data` in base64.",
        }),
      ),
    HttpApiEndpoint.post("translation", "/v1/audio/translations", {
      payload: [
        TranscriptionForm.pipe(HttpApiSchema.asMultipartStream()),
        HttpApiSchema.StreamUint8Array({ contentType: "application/json" }),
      ],
      success: [Schema.Union([TranscriptionResult, VerboseTranscription]), Schema.String.pipe(HttpApiSchema.asText())],
      error: errorsWith(400, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504),
    })
      .middleware(KeyAccess)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Transcribe a recording in English, whatever is spoken",
          description: "Of engines that translate; of others a 400 that says so. Never in events.",
        }),
      ),
    HttpApiEndpoint.get("voices", "/v1/audio/voices", { success: VoiceList })
      .middleware(ListingAccess)
      .annotateMerge(keyOptional)
      .annotateMerge(
        OpenApi.annotations({
          summary: "List base voices",
          description: "And which of OpenAI's names, such as `alloy`, each of them is here.",
        }),
      ),
    HttpApiEndpoint.get("models", "/v1/audio/models", { success: AudioModelList })
      .middleware(ListingAccess)
      .annotateMerge(keyOptional)
      .annotateMerge(OpenApi.annotations({ summary: "List models that speak" })),
  )
  .annotateMerge(OpenApi.annotations({ title: "Audio", description: "Text to speech and speech to text." })) {}
