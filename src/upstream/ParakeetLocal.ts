import { Effect } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { makeLocalRecognizer } from "../embedded/LocalRecognizer.ts"
import type { Settings } from "../Settings.ts"
import { embeddedHearing } from "./EmbeddedHearing.ts"
import { textAlone } from "./Listening.ts"

/** What `ParakeetClient` promises, from the model in a folder. It finds the language out by itself. */
export const makeParakeetLocal = Effect.fnUntraced(function* (directory: string, settings: Settings["Service"]) {
  const local = yield* makeLocalRecognizer("AVIARY_PARAKEET_MODEL_DIR", directory)
  return {
    place: `${local.kind} in ${directory}`,
    model: settings.parakeetModel ?? local.name,
    language: (asked?: string) => asked ?? settings.parakeetLanguage ?? "en-US",
    abilities: { ...textAlone, streams: true, times: true, words: local.times },
    transcribe: (recording: Recording) => embeddedHearing(local.listen(recording), settings),
    ready: Effect.void,
  }
})
