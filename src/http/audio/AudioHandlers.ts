import { Array, Effect, Schema, Stream } from "effect"
import { type Headers, HttpServerRequest } from "effect/http"
import { Api } from "../../contract/Api.ts"
import { defaultFormat } from "../../audio/format/AudioFormat.ts"
import { makeBehindKey, makeRateLimits, paying } from "../access/Caller.ts"
import { deliver, deliverWhole, engineHeader, eventOf, eventStream, responseOf } from "./Delivery.ts"
import { makeEntryHandler } from "./EntryHandler.ts"
import { readLanguage } from "../../audio/Language.ts"
import { Models } from "./Models.ts"
import { handlersOf } from "../RequestContext.ts"
import { schemaFault } from "../ErrorAnswers.ts"
import { Errors } from "../../contract/Errors.ts"
import { note } from "../RequestRecord.ts"
import { traced } from "../../telemetry/Spans.ts"
import { Speech, type Spoken } from "../../speech/Speech.ts"
import { plainSpeech, SpeechPayload } from "../../contract/SpeechPayload.ts"
import type { SpeechRequest } from "../../speech/SpeechRequest.ts"
import { codePoints } from "../../speech/SpokenText.ts"
import { makeTranscriptionHandler } from "./TranscriptionHandler.ts"

/**
 * A speech as OpenAI's events: a `delta` for each piece of encoded audio as it is made, then `done`. What fails after the first
 * delta breaks the connection off. The charge stands before `done` leaves; whoever leaves before is charged for the audio in the deltas
 * that it was handed.
 *
 * @param characters what the speech is charged for; no engine counts tokens, so they stand for OpenAI's
 */
const speechEvents = (
  request: HttpServerRequest.HttpServerRequest,
  { bytes, delivered, settle }: Spoken,
  headers: Record<string, string>,
  characters: number,
) =>
  Effect.suspend(() => {
    let handedBytes = 0
    const deltas = Stream.mapArray(
      bytes,
      Array.map((chunk) => {
        handedBytes += chunk.length
        return eventOf({ type: "speech.audio.delta", audio: Buffer.from(chunk).toString("base64") })
      }),
    )
    const usage = { input_tokens: characters, output_tokens: 0, total_tokens: characters }
    const payable = {
      bytes: deltas,
      length: undefined,
      settle,
      delivered: (handed: "all" | number) => delivered(handed === "all" || handed === 0 ? handed : handedBytes),
    }
    const head = { ...eventStream, headers: { ...eventStream.headers, ...headers } }
    return deliver(
      request,
      payable,
      head,
      Stream.sync(() => eventOf({ type: "speech.audio.done", usage })),
    )
  })

/** RFC 9111, 5.2.1: `no-store` keeps the answer out of the cache, `no-cache` and `max-age=0` ask for a fresh one. */
const cacheControl = (headers: Headers.Headers): SpeechRequest["cacheControl"] => {
  // Trimmed one by one: an expression with blanks on both sides of a comma takes the square of the blanks.
  const directives = (headers["cache-control"] ?? "")
    .toLowerCase()
    .split(",")
    .map((directive) => directive.trim())
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
const makeSpeechHandler = Effect.gen(function* () {
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

const decodeSpeech = Schema.decodeUnknownEffect(SpeechPayload)

/** What the contract says of a body, as the framework reads one. */
const readPayload = (request: HttpServerRequest.HttpServerRequest) => {
  const type = request.headers["content-type"]?.split(";", 1)[0]!.trim().toLowerCase() ?? "application/json"
  if (type !== "application/json") return Effect.fail(Errors.unsupportedMediaType("application/json"))
  return Effect.flatMap(Effect.orDie(request.text), (text) => {
    let written: unknown
    try {
      written = text === "" ? undefined : JSON.parse(text)
    } catch {
      return Effect.fail(Errors.invalidJson())
    }
    const plain = plainSpeech(written)
    return plain === undefined ? Effect.mapError(decodeSpeech(written), schemaFault) : Effect.succeed(plain)
  })
}

/**
 * `POST /v1/audio/speech` once more, for the front door, which leaves out the framework's way from its contract to the handler: that
 * merges what a request carries with what all handlers need, and takes as many steps as the speech does.
 */
export const makeSpeechRoute = Effect.gen(function* () {
  const speak = yield* makeSpeechHandler
  const behindKey = yield* makeBehindKey
  const answer = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.flatMap(readPayload(request), (payload) => speak(payload, request)),
  )
  return Effect.interruptible(behindKey(answer))
})

/** `/v1/audio`. */
export const AudioHandlers = handlersOf(
  Api,
  "audio",
  Effect.fnUntraced(function* (handlers) {
    const models = yield* Models
    const speak = yield* makeSpeechHandler
    const fetchEntry = yield* makeEntryHandler
    const transcribe = yield* makeTranscriptionHandler
    return handlers
      .handle("speech", ({ payload, request }) => speak(payload, request))
      .handle("entry", ({ params, request }) => fetchEntry(params.key, request))
      .handle("transcription", ({ request }) => transcribe(request, { translate: false }))
      .handle("translation", ({ request }) => transcribe(request, { translate: true }))
      .handle("voices", () => Effect.map(models.voices, (voices) => ({ voices })))
      .handle("models", () => Effect.sync(() => ({ models: [{ id: models.speechModel() }] })))
  }),
)
