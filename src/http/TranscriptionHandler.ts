import { Effect, type Stream } from "effect"
import { type HttpServerRequest, HttpServerResponse, type Multipart } from "effect/http"
import type { TranscriptionResult } from "../contract/TranscriptionForm.ts"
import { Settings } from "../Settings.ts"
import { Transcription } from "../transcription/Transcription.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { Models } from "./Models.ts"
import { makeRoomErrors } from "./RoomErrors.ts"
import { makeUploads } from "./Upload.ts"

/** `POST /v1/audio/transcriptions`. The upload lives as long as the request. */
export const makeTranscriptionHandler = Effect.gen(function* () {
  const transcription = yield* Transcription
  const models = yield* Models
  const { retryAfter } = yield* Settings
  const receive = yield* makeUploads
  const told = makeRoomErrors({ retryAfter })

  const transcribe = Effect.fn("http.transcription")(function* (
    request: HttpServerRequest.HttpServerRequest,
    parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>,
  ) {
    const { path, fields } = yield* receive(request, parts)
    yield* models.forTranscription(fields.model)
    const heard = yield* Effect.mapError(
      transcription.transcribe({ path, model: fields.model, language: fields.language || undefined }),
      told,
    )
    return fields.response_format === "text"
      ? HttpServerResponse.text(`${heard.text}\n`, { contentType: "text/plain; charset=utf-8" })
      : HttpServerResponse.jsonUnsafe({
          text: heard.text,
          usage: { type: "duration", seconds: Math.ceil(heard.durationSeconds) },
        } satisfies TranscriptionResult)
  })

  return (
    request: HttpServerRequest.HttpServerRequest,
    parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>,
  ) => Effect.catch(transcribe(request, parts), (error) => Effect.succeed(errorResponse(error)))
})
