import { Effect, FileSystem, Stream } from "effect"
import type { HttpServerRequest } from "effect/http"
import { contentHash } from "../../audio/ContentHash.ts"
import { readLanguage } from "../../audio/Language.ts"
import { Billing } from "../../billing/Billing.ts"
import { Payer } from "../../billing/Payer.ts"
import { Errors } from "../../contract/Errors.ts"
import { asksForEvents, type TranscriptFormat, type TranscriptionFields } from "../../contract/TranscriptionForm.ts"
import { type Transcribed, Transcription, type TranscriptionRequest } from "../../transcription/Transcription.ts"
import { currentCaller, makeRateLimits, paying } from "../access/Caller.ts"
import { deliverCharged, engineHeader, standInOf } from "./Delivery.ts"
import { Models } from "./Models.ts"
import { note } from "../RequestRecord.ts"
import { rendered } from "./TranscriptAnswer.ts"
import { makeTranscriptEvents } from "./TranscriptEvents.ts"
import { makeUploads } from "./Upload.ts"

/** What is asked of the program. Where segments lie is of no use to who gets the text alone. */
const transcriptionRequest = (
  path: string,
  fields: TranscriptionFields,
  further: { readonly early: boolean; readonly translate: boolean },
): TranscriptionRequest => {
  const { keywords, languages, model, prompt, response_format: format, temperature } = fields
  const tags = [fields.language ?? "", ...(languages ?? [])].map(readLanguage)
  const language = tags.find((tag) => typeof tag !== "string")
  return {
    path,
    model,
    language: language?.tag,
    prompt,
    keywords,
    temperature,
    times: format === "srt" || format === "vtt" || format === "verbose_json" || format === "diarized_json" || undefined,
    words: (format === "verbose_json" && fields.timestamp_granularities?.includes("word")) || undefined,
    speakers: format === "diarized_json" || undefined,
    early: further.early || undefined,
    translate: further.translate || undefined,
  }
}

/**
 * The answer of a whole transcript: it is all there before anything leaves. All of it or nothing was handed over: whoever got some of
 * the text may have got all that it wanted.
 */
const whole = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  { delivered, durationSeconds, language, segments, settle, standIn, unheardMs }: Transcribed,
  asked: TranscriptionRequest,
  format: TranscriptFormat | undefined,
) {
  const all = yield* Stream.runCollect(segments)
  const { body, contentType } = rendered(
    {
      segments: all,
      language,
      durationSeconds,
      words: asked.words === true,
      temperature: asked.temperature ?? 0,
      translated: asked.translate === true,
    },
    format,
  )
  const payable = {
    bytes: Stream.make(body),
    length: body.length,
    settle,
    delivered: (handed: "all" | number) => delivered(handed === "all" || handed === 0 ? handed : Infinity),
  }
  const unheard = Math.round(unheardMs())
  return yield* deliverCharged(request, payable, {
    contentType,
    headers: {
      ...(unheard === 0 ? {} : { "x-unheard-speech-ms": String(unheard) }),
      ...(yield* engineHeader(standInOf(standIn()))),
    },
  })
})

/**
 * `POST /v1/audio/transcriptions`, and `…/translations`, which is the same in English and never in events. The upload and the hold live as long as the request, which the server ends once the body
 * has left or the client has.
 */
export const makeTranscriptionHandler = Effect.gen(function* () {
  const transcription = yield* Transcription
  const models = yield* Models
  const receive = yield* makeUploads
  const events = yield* makeTranscriptEvents
  const limited = yield* makeRateLimits
  const fs = yield* FileSystem.FileSystem
  const billing = yield* Billing

  /** Refuses a caller without money before the upload is taken in; one with a key may have paid for this very upload. */
  const solvent = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    if (request.headers["idempotency-key"] !== undefined) return
    const { accountId, keyId } = yield* currentCaller
    yield* Effect.provideService(billing.afford({ kind: "transcription", model: "", audioMillis: 1 }, "MISS"), Payer, {
      accountId,
      keyId,
      idempotency: null,
    })
  })

  const transcribe = Effect.fn("http.transcription")(function* (
    request: HttpServerRequest.HttpServerRequest,
    translate: boolean,
  ) {
    yield* solvent(request)
    const { path, fields } = yield* receive(request)
    yield* note({ model: fields.model })
    yield* models.forTranscription(fields.model)
    const body = contentHash(fs, path).pipe(
      Effect.map((file) => ({ kind: translate ? "translation" : "transcription", file, ...fields })),
      Effect.mapError(Errors.storageUnavailable),
    )
    const asked = transcriptionRequest(path, fields, { early: asksForEvents(fields) && !translate, translate })
    const heard = paying(request, body, transcription.transcribe(asked))
    // A client that waits for events finds none in JSON, and no error either.
    return yield* asked.early === true
      ? events(request, heard, asked.speakers === true)
      : whole(request, yield* heard, asked, fields.response_format)
  })

  return (request: HttpServerRequest.HttpServerRequest, { translate }: { readonly translate: boolean }) =>
    limited(0, transcribe(request, translate))
})
