import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { indexVoices, type VoiceIndex } from "../audio/VoiceIndex.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import { Settings } from "../Settings.ts"
import type { EngineError } from "../upstream/EngineError.ts"

/** How long a listing is believed, and how long a failed one, so that a dead engine is not asked on every request. */
const believedFor = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit) ? Duration.seconds(60) : Duration.seconds(1)

/** How long a name that the last listing does not have waits for a newer one. */
const patience = Duration.seconds(2)

/**
 * The engine's voices, asked for at most once a minute. The set differs per engine release, so it is never a table.
 *
 * - `known`: as the engine listed them last, answered at once while a newer listing is fetched behind it. Only before the
 *   first listing does it wait for the engine, so what is in the cache is served while the engine hangs or is down.
 * - `latest`: the same, but a listing that is due is waited for, for at most two seconds. For names that `known` lacks.
 */
interface Voices {
  readonly known: Effect.Effect<VoiceIndex, EngineError>
  readonly latest: Effect.Effect<VoiceIndex, EngineError>
}

const make = Effect.gen(function* (): Effect.fn.Return<Voices, never, EngineGuard | Settings | Scope.Scope> {
  const guard = yield* EngineGuard
  const { voices: ownAliases } = yield* Settings
  const scope = yield* Effect.scope
  let last: VoiceIndex | undefined
  let answered: { readonly exit: Exit.Exit<VoiceIndex, EngineError>; readonly believedUntil: bigint } | undefined
  let underWay: Fiber.Fiber<VoiceIndex, EngineError> | undefined

  const list = guard
    .ask("magpie", (client) => client.voices)
    .pipe(
      Effect.map((ids) => indexVoices(ids, ownAliases)),
      Effect.tap(({ unknown }) =>
        unknown.length === 0 || last !== undefined
          ? Effect.void
          : Effect.logWarning(
              `Aliases of AVIARY_VOICES stand for voices that the engine does not list, and are not taken: ${unknown.join(", ")}.`,
            ),
      ),
      Effect.onExit((exit) =>
        Effect.map(Clock.monotonicTimeNanos, (now) => {
          answered = { exit, believedUntil: now + Duration.toNanosUnsafe(believedFor(exit)) }
          if (Exit.isSuccess(exit)) last = exit.value
        }),
      ),
    )

  /** Waits for the listing under way, begun here if one is due. It belongs to no request: one that leaves takes it from nobody. */
  const listing = Effect.gen(function* () {
    if (underWay === undefined) {
      const now = yield* Clock.monotonicTimeNanos
      if (answered !== undefined && now < answered.believedUntil) return answered.exit
      const fiber = yield* Effect.forkIn(list, scope)
      underWay = fiber
      fiber.addObserver(() => {
        underWay = undefined
      })
      return Fiber.join(fiber)
    }
    return Fiber.join(underWay)
  })

  return {
    known: Effect.flatMap(listing, (wait) => (last === undefined ? wait : Effect.succeed(last))),
    latest: Effect.flatMap(listing, (wait) => {
      const before = last
      if (before === undefined) return wait
      const unlessItCame = () => Effect.succeed(before)
      return wait.pipe(Effect.timeoutOrElse({ duration: patience, orElse: unlessItCame }), Effect.catch(unlessItCame))
    }),
  }
})

/** See `Voices`. */
export class VoiceList extends Context.Service<VoiceList, Voices>()("aviary/speech/VoiceList") {
  static readonly layer = Layer.effect(VoiceList, make)
}
