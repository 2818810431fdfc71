import { Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { requireEnglish } from "../embedded/English.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import type { Settings } from "../Settings.ts"
import { embeddedHearing } from "./EmbeddedHearing.ts"
import { type Listening, textAlone } from "./Listening.ts"

/** What is known of Moonshine before it is loaded. */
export const moonshineTraits = {
  language: () => "en-US",
  abilities: { ...textAlone, streams: true, times: true },
  ready: Effect.void,
}

/** What `ParakeetClient` promises, from Moonshine. */
export const makeParakeetEmbedded = Effect.fnUntraced(function* (settings: Settings["Service"]) {
  const moonshine = yield* Moonshine
  return {
    ...moonshineTraits,
    model: moonshine.model,
    transcribe: (recording: Recording, { language }: Listening = {}) =>
      embeddedHearing(
        Stream.concat(
          Stream.fromEffectDrain(language === undefined ? Effect.void : requireEnglish(language)),
          moonshine.listen(recording),
        ),
        settings,
      ),
  }
})
