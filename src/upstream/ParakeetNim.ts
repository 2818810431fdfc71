import { Effect, type Scope, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import { durationSeconds, type Recording } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import type { Settings } from "../Settings.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { errorOf } from "./EngineError.ts"
import type { EngineFailure } from "./EngineFailure.ts"
import { makeEngineHttp, readiness, readWhole } from "./EngineHttp.ts"
import { engineLanguage } from "./EngineLanguage.ts"
import { type Listening, textAlone } from "./Listening.ts"
import { answerLimit, recordingForm } from "./RecordingForm.ts"
import { readTranscript } from "./TranscriptBody.ts"

/** What `ParakeetClient` promises, from the NIM at an address. */
export const makeParakeetNim = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const http = yield* makeEngineHttp(address.url, settings, address.key)
  // It answers only when it is done, so its first byte has all the time there is.
  const clocks = { firstByte: settings.parakeetTimeout, idle: settings.idleTimeout, total: settings.parakeetTimeout }

  const language = (asked?: string) => engineLanguage(asked ?? settings.parakeetLanguage ?? "en-US")

  const hear = Effect.fn("ParakeetClient.transcribe")(
    function* (
      recording: Recording,
      asked: string | undefined,
    ): Effect.fn.Return<ReadonlyArray<Segment>, EngineFailure, Scope.Scope> {
      // The field `model` stays away: it would overrule the language.
      const form = yield* recordingForm(recording, { language: [language(asked)], response_format: ["json"] })
      const request = HttpClientRequest.post("/v1/audio/transcriptions").pipe(HttpClientRequest.setBody(form))
      const answer = yield* http.call(request, clocks)
      const body = yield* readWhole(answer.body, answerLimit)
      return yield* readTranscript(answer.mediaType, body, Math.round(durationSeconds(recording) * 1_000))
    },
    Effect.scoped,
    Effect.mapError(errorOf("parakeet")),
  )

  return {
    protocol: "nim" as const,
    model: address.model ?? settings.parakeetModel ?? "parakeet",
    language,
    abilities: textAlone,
    transcribe: (recording: Recording, asked: Listening = {}) =>
      Stream.fromIterableEffect(hear(recording, asked.language)),
    ready: readiness(http, settings.connectTimeout).pipe(
      Effect.mapError(errorOf("parakeet")),
      Effect.withSpan("ParakeetClient.ready"),
    ),
  }
})
