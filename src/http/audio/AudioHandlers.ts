import { Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import { makeEntryHandler } from "./EntryHandler.ts"
import { Models } from "./Models.ts"
import { makeSpeechHandler } from "./SpeechHandler.ts"
import { makeTranscriptionHandler } from "./TranscriptionHandler.ts"

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
