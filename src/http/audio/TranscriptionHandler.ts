import { Effect, FileSystem, Stream } from "effect"
import type { HttpServerRequest, Multipart } from "effect/http"
import { contentHash } from "../../audio/ContentHash.ts"
import { textOf } from "../../audio/Segment.ts"
import { Billing } from "../../billing/Billing.ts"
import { Payer } from "../../billing/Payer.ts"
import { Errors } from "../../contract/Errors.ts"
import { asksForEvents, type TranscriptionFields, type TranscriptionResult } from "../../contract/TranscriptionForm.ts"
import { type Transcribed, Transcription } from "../../transcription/Transcription.ts"
import { currentCaller } from "../access/CurrentCaller.ts"
import { deliverCharged } from "./Delivery.ts"
import { Models } from "./Models.ts"
import { paying } from "../access/Paying.ts"
import { makeRateLimits } from "../access/RateLimits.ts"
import { note } from "../RequestNotes.ts"
import { transcriptEvents } from "./TranscriptEvents.ts"
import { makeUploads } from "./Upload.ts"

const encoder = new TextEncoder()

/** The answer's bytes: never none, since text ends in a line feed. */
const rendered = (text: string, durationSeconds: number, format: TranscriptionFields["response_format"]) =>
  format === "text"
    ? { contentType: "text/plain; charset=utf-8", body: encoder.encode(`${text}\n`) }
    : {
        contentType: "application/json",
        body: encoder.encode(
          JSON.stringify({
            text,
            usage: { type: "duration", seconds: Math.ceil(durationSeconds) },
          } satisfies TranscriptionResult),
        ),
      }

/**
 * The answer of a whole transcript: it is all there before anything leaves. All of it or nothing was handed over: whoever got some of
 * the text may have got all that it wanted.
 */
const whole = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  { delivered, durationSeconds, segments, settle }: Transcribed,
  format: TranscriptionFields["response_format"],
) {
  const text = textOf(yield* Stream.runCollect(segments))
  const { body, contentType } = rendered(text, durationSeconds, format)
  const payable = {
    bytes: Stream.make(body),
    length: body.length,
    settle,
    delivered: (handed: "all" | number) => delivered(handed === "all" || handed === 0 ? handed : Infinity),
  }
  return yield* deliverCharged(request, payable, { contentType })
})

/**
 * `POST /v1/audio/transcriptions`. The upload and the hold live as long as the request, which the server ends once the body
 * has left or the client has.
 */
export const makeTranscriptionHandler = Effect.gen(function* () {
  const transcription = yield* Transcription
  const models = yield* Models
  const receive = yield* makeUploads
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
    parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>,
  ) {
    yield* solvent(request)
    const { path, fields } = yield* receive(request, parts)
    yield* note({ model: fields.model })
    yield* models.forTranscription(fields.model)
    const body = contentHash(fs, path).pipe(
      Effect.map((file) => ({ kind: "transcription", file, ...fields })),
      Effect.mapError(Errors.storageUnavailable),
    )
    const asked = { path, model: fields.model, language: fields.language || undefined }
    const heard = yield* paying(request, body, transcription.transcribe(asked))
    // A client that waits for events finds none in JSON, and no error either.
    return yield* asksForEvents(fields)
      ? transcriptEvents(request, heard)
      : whole(request, heard, fields.response_format)
  })

  return (
    request: HttpServerRequest.HttpServerRequest,
    parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>,
  ) => limited(0, transcribe(request, parts))
})
