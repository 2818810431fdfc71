import { Context, Duration, Effect, Exit, Layer } from "effect"
import { MagpieClient, type MagpieError } from "../upstream/MagpieClient.ts"

/** How long a listing is believed, and how long a failed one, so that a dead engine is not asked on every request. */
const believedFor = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit) ? Duration.seconds(60) : Duration.seconds(1)

/** The engine's voice ids, asked for at most once a minute. The set differs per engine release, so it is never a table. */
export class VoiceList extends Context.Service<
  VoiceList,
  { readonly voices: Effect.Effect<ReadonlyArray<string>, MagpieError> }
>()("aviary/speech/VoiceList") {
  static readonly layer = Layer.effect(
    VoiceList,
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const voices = yield* Effect.cachedWithTTL(magpie.voices, believedFor)
      return VoiceList.of({ voices })
    }),
  )
}
