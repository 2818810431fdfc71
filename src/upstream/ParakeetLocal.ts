import { Duration, Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { makeLocalRecognizer } from "../embedded/LocalRecognizer.ts"
import type { Settings } from "../Settings.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { errorOf } from "./EngineError.ts"
import { EngineTimedOut } from "./EngineFailure.ts"
import { textAlone } from "./Listening.ts"

/** What `ParakeetClient` promises, from the model in a folder. It finds the language out by itself. */
export const makeParakeetLocal = Effect.fnUntraced(function* (directory: string, settings: Settings["Service"]) {
  const local = yield* makeLocalRecognizer("AVIARY_PARAKEET_MODEL_DIR", directory)
  const timeIsUp = Effect.delay(
    Effect.fail(new EngineTimedOut({ phase: "total", afterMillis: Duration.toMillis(settings.parakeetTimeout) })),
    settings.parakeetTimeout,
  )
  return {
    place: `${local.kind} in ${directory}`,
    model: settings.parakeetModel ?? local.name,
    language: (asked?: string) => asked ?? settings.parakeetLanguage ?? "en-US",
    abilities: { ...textAlone, streams: true, times: true, words: local.times },
    transcribe: (recording: Recording) =>
      local
        .listen(recording)
        .pipe(
          Stream.mapError(embeddedFailure),
          Stream.interruptWhen(timeIsUp),
          Stream.mapError(errorOf("parakeet")),
          Stream.withSpan("ParakeetClient.transcribe"),
        ),
    ready: Effect.void,
  }
})
