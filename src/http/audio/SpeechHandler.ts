import { Effect } from "effect"
import type { Headers, HttpServerRequest } from "effect/http"
import type { SpeechPayload } from "../../contract/SpeechPayload.ts"
import { defaultFormat } from "../../audio/format/AudioFormat.ts"
import { readLanguage } from "../../audio/Language.ts"
import { Speech } from "../../speech/Speech.ts"
import type { SpeechRequest } from "../../speech/SpeechRequest.ts"
import { codePoints } from "../../speech/SpokenText.ts"
import { deliver, deliverWhole, responseOf } from "./Delivery.ts"
import { engineHeader } from "./EngineHeader.ts"
import { Models } from "./Models.ts"
import { speechEvents } from "./SpeechEvents.ts"
import { paying } from "../access/Paying.ts"
import { makeRateLimits } from "../access/RateLimits.ts"
import { note } from "../RequestNotes.ts"
import { traced } from "../../telemetry/Spans.ts"

/** RFC 9111, 5.2.1: `no-store` keeps the answer out of the cache, `no-cache` and `max-age=0` ask for a fresh one. */
const cacheControl = (headers: Headers.Headers): SpeechRequest["cacheControl"] => {
  const directives = (headers["cache-control"] ?? "").toLowerCase().split(/\s*,\s*/)
  if (directives.includes("no-store")) return "bypass"
  return directives.includes("no-cache") || directives.includes("max-age=0") ? "refresh" : "use"
}

/** What a client without a wish hears. */
const defaultVoice = "alloy"

const voiceOf = ({ voice }: SpeechPayload): string => {
  const name = typeof voice === "string" ? voice : voice?.id
  return name === undefined || name.trim() === "" ? defaultVoice : name
}

const languageOf = ({ language }: SpeechPayload): string | undefined => {
  const read = readLanguage(language ?? "")
  return typeof read === "string" ? undefined : read.tag
}

const speakableOf = (headers: Headers.Headers): SpeechRequest["speakable"] => {
  const said = headers["x-aviary-speakable"]?.trim().toLowerCase()
  return said === "on" || said === "off" ? said : undefined
}

/** Bytes of a header's value: some clients take 8 KiB of headers altogether. */
const longestSpoken = 2_000

/** What is spoken in place of the text that was sent, in a header, percent-encoded and cut where it is long. */
const spokenHeader = (text: string | undefined): Record<string, string> => {
  if (text === undefined) return {}
  const encoded = encodeURIComponent(text)
  return { "x-aviary-spoken": encoded.slice(0, longestSpoken).replace(/%[^%]?$/, "") }
}

const speechRequest = (payload: SpeechPayload, headers: Headers.Headers): SpeechRequest => ({
  text: payload.input,
  model: payload.model,
  voice: voiceOf(payload),
  instructions: payload.instructions ?? undefined,
  format: payload.response_format ?? defaultFormat,
  speed: payload.speed ?? 1,
  language: languageOf(payload),
  sampleRate: payload.sample_rate_hz ?? undefined,
  speakable: speakableOf(headers),
  cacheControl: cacheControl(headers),
})

/**
 * `POST /v1/audio/speech`. The scope of `speak` is the request's, which the server closes once the body has left or the
 * client has.
 */
export const makeSpeechHandler = Effect.gen(function* () {
  const speech = yield* Speech
  const models = yield* Models
  const limited = yield* makeRateLimits

  const speak = Effect.fnUntraced(function* (payload: SpeechPayload, request: HttpServerRequest.HttpServerRequest) {
    const asked = speechRequest(payload, request.headers)
    yield* note({ model: asked.model, voice: asked.voice })
    yield* models.forSpeech(payload.model)
    const body = Effect.succeed({ kind: "speech", ...asked, cacheControl: null })
    const spoken = yield* paying(request, body, speech.speak(asked))
    const cached = {
      "x-cache": spoken.cache,
      ...spokenHeader(spoken.text),
      ...(yield* engineHeader(spoken.standIn)),
    }
    if (payload.stream_format === "sse") {
      return yield* speechEvents(request, spoken, cached, codePoints(payload.input))
    }
    const head = {
      contentType: spoken.contentType,
      headers: {
        ...cached,
        ...(spoken.sha256 === undefined ? {} : { etag: `"${spoken.sha256}"` }),
        ...(spoken.cache === "BYPASS" ? {} : { "content-location": `/v1/audio/speech/${spoken.key}` }),
      },
    }
    const response = responseOf(request)
    return spoken.whole === undefined || response === undefined
      ? yield* deliver(request, spoken, head)
      : yield* deliverWhole(request, response, spoken, spoken.whole, head)
  })

  return (payload: SpeechPayload, request: HttpServerRequest.HttpServerRequest) =>
    limited(codePoints(payload.input), traced("http.speech")(speak(payload, request)))
})
