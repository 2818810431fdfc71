import { openAsBlob } from "node:fs"
import { Effect, type Scope, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import { durationSeconds, type Recording } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import type { Settings } from "../Settings.ts"
import { errorOf } from "./EngineError.ts"
import { type EngineFailure, EngineUnreachable } from "./EngineFailure.ts"
import { makeEngineHttp, readiness, readWhole } from "./EngineHttp.ts"
import { engineLanguage } from "./EngineLanguage.ts"
import { type Listening, textAlone } from "./Listening.ts"
import { readTranscript } from "./TranscriptBody.ts"

// Four hours of speech with segments and tokens are below 2 MiB. It is parsed on the event loop: 4 MB take 12 ms.
const answerLimit = 4 * 1_024 * 1_024

/** Read from disk as it is sent. The field `model` stays away: it would overrule the language. */
const upload = (recording: Recording, language: string) =>
  Effect.tryPromise({
    try: async () => {
      const form = new FormData()
      form.append("file", await openAsBlob(recording.path, { type: "audio/wav" }), "file.wav")
      form.append("language", language)
      form.append("response_format", "json")
      return form
    },
    catch: (cause) => new EngineUnreachable({ message: `the recording cannot be read: ${String(cause)}` }),
  })

/** What `ParakeetClient` promises, from the NIM at `url`. */
export const makeParakeetNim = Effect.fnUntraced(function* (url: URL, settings: Settings["Service"]) {
  const http = yield* makeEngineHttp(url, settings)
  // It answers only when it is done, so its first byte has all the time there is.
  const clocks = { firstByte: settings.parakeetTimeout, idle: settings.idleTimeout, total: settings.parakeetTimeout }

  const language = (asked?: string) => engineLanguage(asked ?? settings.parakeetLanguage)

  const hear = Effect.fn("ParakeetClient.transcribe")(
    function* (
      recording: Recording,
      asked: string | undefined,
    ): Effect.fn.Return<ReadonlyArray<Segment>, EngineFailure, Scope.Scope> {
      const form = yield* upload(recording, language(asked))
      const request = HttpClientRequest.post("/v1/audio/transcriptions").pipe(HttpClientRequest.bodyFormData(form))
      const answer = yield* http.call(request, clocks)
      const body = yield* readWhole(answer.body, answerLimit)
      return yield* readTranscript(answer.mediaType, body, Math.round(durationSeconds(recording) * 1_000))
    },
    Effect.scoped,
    Effect.mapError(errorOf("parakeet")),
  )

  return {
    model: settings.parakeetModel,
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
