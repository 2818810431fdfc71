import { Duration, Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { requireEnglish } from "../embedded/English.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import type { Settings } from "../Settings.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { errorOf } from "./EngineError.ts"
import { EngineTimedOut } from "./EngineFailure.ts"
import type { Transcript } from "./Transcript.ts"

/** What `ParakeetClient` promises, from Moonshine. */
export const makeParakeetEmbedded = Effect.fnUntraced(function* ({ parakeetTimeout }: Settings["Service"]) {
  const moonshine = yield* Moonshine
  return {
    model: moonshine.model,
    transcribe: Effect.fn("ParakeetClient.transcribe")(
      function* (recording: Recording, options?: { readonly language?: string | undefined }) {
        if (options?.language !== undefined) yield* requireEnglish(options.language)
        const segments = yield* Stream.runCollect(moonshine.listen(recording))
        return {
          text: segments.map(({ text }) => text).join(" "),
          language: "en-US",
          segments,
        } satisfies Transcript
      },
      Effect.mapError(embeddedFailure),
      Effect.timeoutOrElse({
        duration: parakeetTimeout,
        orElse: () =>
          Effect.fail(new EngineTimedOut({ phase: "total", afterMillis: Duration.toMillis(parakeetTimeout) })),
      }),
      Effect.mapError(errorOf("parakeet")),
    ),
    ready: Effect.void,
  }
})
