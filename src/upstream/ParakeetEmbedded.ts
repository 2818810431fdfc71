import { Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { requireEnglish } from "../embedded/English.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import type { Settings } from "../Settings.ts"
import { embeddedHearing } from "./EmbeddedHearing.ts"
import { type Listening, textAlone } from "./Listening.ts"

/** What `ParakeetClient` promises, from Moonshine. */
export const makeParakeetEmbedded = Effect.fnUntraced(function* (settings: Settings["Service"]) {
  const moonshine = yield* Moonshine
  return {
    model: moonshine.model,
    language: () => "en-US",
    abilities: { ...textAlone, streams: true, times: true },
    transcribe: (recording: Recording, { language }: Listening = {}) =>
      embeddedHearing(
        Stream.concat(
          Stream.fromEffectDrain(language === undefined ? Effect.void : requireEnglish(language)),
          moonshine.listen(recording),
        ),
        settings,
      ),
    ready: Effect.void,
  }
})
