import { Duration, Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { requireEnglish } from "../embedded/English.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import type { Settings } from "../Settings.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { errorOf } from "./EngineError.ts"
import { EngineTimedOut } from "./EngineFailure.ts"
import { type Listening, textAlone } from "./Listening.ts"

/** What `ParakeetClient` promises, from Moonshine. */
export const makeParakeetEmbedded = Effect.fnUntraced(function* ({ parakeetTimeout }: Settings["Service"]) {
  const moonshine = yield* Moonshine
  const timeIsUp = Effect.delay(
    Effect.fail(new EngineTimedOut({ phase: "total", afterMillis: Duration.toMillis(parakeetTimeout) })),
    parakeetTimeout,
  )
  return {
    model: moonshine.model,
    language: () => "en-US",
    abilities: { ...textAlone, streams: true, times: true },
    transcribe: (recording: Recording, { language }: Listening = {}) =>
      Stream.fromEffectDrain(language === undefined ? Effect.void : requireEnglish(language)).pipe(
        Stream.concat(moonshine.listen(recording)),
        Stream.mapError(embeddedFailure),
        Stream.interruptWhen(timeIsUp),
        Stream.mapError(errorOf("parakeet")),
        Stream.withSpan("ParakeetClient.transcribe"),
      ),
    ready: Effect.void,
  }
})
