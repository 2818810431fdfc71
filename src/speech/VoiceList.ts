import { Context, Duration, Effect, Exit, Layer } from "effect"
import { MagpieClient, type MagpieError } from "../upstream/MagpieClient.ts"

/** How long a listing is believed, and how long a failed one, so that a dead engine is not asked on every request. */
const believedFor = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit) ? Duration.seconds(60) : Duration.seconds(1)

/**
 * The engine's voice ids, asked for at most once a minute. The set differs per engine release, so it is never a table.
 *
 * - `voices`: as the engine lists them now.
 * - `known`: the same, or what it listed last, so that what is in the cache is served while the engine is down.
 */
export class VoiceList extends Context.Service<
  VoiceList,
  {
    readonly voices: Effect.Effect<ReadonlyArray<string>, MagpieError>
    readonly known: Effect.Effect<ReadonlyArray<string>, MagpieError>
  }
>()("aviary/speech/VoiceList") {
  static readonly layer = Layer.effect(
    VoiceList,
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      let last: ReadonlyArray<string> | undefined
      const voices = yield* Effect.cachedWithTTL(
        Effect.tap(magpie.voices, (listed) => Effect.sync(() => (last = listed))),
        believedFor,
      )
      const known = Effect.catch(voices, (error) => (last === undefined ? Effect.fail(error) : Effect.succeed(last)))
      return VoiceList.of({ voices, known })
    }),
  )
}
