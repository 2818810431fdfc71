import { Clock, Context, Duration, Effect, Exit, Fiber, Layer } from "effect"
import { indexVoices, type VoiceIndex } from "../audio/VoiceIndex.ts"
import type { EngineId } from "../health/EngineId.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { Fleet } from "../health/Fleet.ts"
import type { EngineError } from "../upstream/EngineError.ts"

/** How long a listing is believed, one that an engine is missing from, and a failed one, so that a dead engine is not asked on every request. */
const believed = { whole: Duration.seconds(60), partial: Duration.seconds(5), failed: Duration.seconds(1) }

/** How long a name that the last listing does not have waits for a newer one. */
const patience = Duration.seconds(2)

/**
 * The voices of all engines that speak, asked for at most once a minute. The set differs per engine release, so it is never a table.
 *
 * - `known`: as they were listed last, answered at once while a newer listing is fetched behind it. Only before the
 *   first listing does it wait for an engine, so what is in the cache is served while the engines hang or are down.
 * - `latest`: the same, but a listing that is due is waited for, for at most two seconds. For names that `known` lacks.
 * - `last`: as they were listed last; absent before the first listing.
 * - `speakers`: the engines that have a voice, by the last listing of each; absent: any. One that was not heard of yet has those of
 *   its model.
 */
interface Voices {
  readonly known: Effect.Effect<VoiceIndex, EngineError>
  readonly latest: Effect.Effect<VoiceIndex, EngineError>
  readonly last: () => VoiceIndex | undefined
  readonly speakers: (voice: string) => ReadonlySet<EngineId> | undefined
}

/** What each engine listed last. */
const makeListings = Effect.gen(function* () {
  const fleet = yield* Fleet
  const lists = new Map<EngineId, ReadonlySet<string>>()

  const speakers = (voice: string) => {
    const all = fleet.of("magpie")
    if (all.length === 1) return undefined
    const having = all.filter(({ id }) => lists.get(id)?.has(voice))
    const models = new Set(having.map(({ client }) => client.model))
    const unheard = all.filter(({ client, id }) => !lists.has(id) && models.has(client.model))
    return new Set([...having, ...unheard].map(({ id }) => id))
  }

  return {
    add: (answers: ReadonlyMap<EngineId, ReadonlyArray<string>>) => {
      for (const [engine, voices] of answers) lists.set(engine, new Set(voices))
    },
    /** The index of all that was listed so far. */
    index: (aliases: Readonly<Record<string, string>>) =>
      indexVoices(
        fleet.of("magpie").flatMap(({ id }) => [...(lists.get(id) ?? [])]),
        aliases,
      ),
    isWhole: () => lists.size === fleet.of("magpie").length,
    speakers,
  }
})

const tellUnknown = ({ unknown }: VoiceIndex) =>
  unknown.length === 0
    ? Effect.void
    : Effect.logWarning(
        `Aliases of AVIARY_VOICES stand for voices that the engine does not list, and are not taken: ${unknown.join(", ")}.`,
      )

const make = Effect.gen(function* () {
  const guard = yield* EngineGuard
  const live = yield* LiveSettings
  const scope = yield* Effect.scope
  const { add, index, isWhole, speakers } = yield* makeListings
  let last: VoiceIndex | undefined
  let answered: { readonly exit: Exit.Exit<VoiceIndex, EngineError>; readonly believedUntil: bigint } | undefined
  let aliases = live.now().voices
  let underWay: Fiber.Fiber<VoiceIndex, EngineError> | undefined

  const list = guard
    .ask("magpie", (client) => client.voices)
    .pipe(
      Effect.map((answers) => {
        add(answers)
        aliases = live.now().voices
        return index(aliases)
      }),
      Effect.tap((found) => (last === undefined ? tellUnknown(found) : Effect.void)),
      Effect.onExit((exit) =>
        Effect.map(Clock.monotonicTimeNanos, (now) => {
          const life = Exit.isFailure(exit) ? believed.failed : isWhole() ? believed.whole : believed.partial
          answered = { exit, believedUntil: now + Duration.toNanosUnsafe(life) }
          if (Exit.isSuccess(exit)) last = exit.value
        }),
      ),
    )

  /** Waits for the listing under way, begun here if one is due. It belongs to no request: one that leaves takes it from nobody. */
  const listing = Clock.clockWith((clock): Effect.Effect<Effect.Effect<VoiceIndex, EngineError>> => {
    if (underWay !== undefined) return Effect.succeed(Fiber.join(underWay))
    if (answered !== undefined && clock.monotonicTimeNanosUnsafe() < answered.believedUntil)
      return Effect.succeed(answered.exit)
    return Effect.map(Effect.forkIn(list, scope), (fiber) => {
      underWay = fiber
      fiber.addObserver(() => {
        underWay = undefined
      })
      return Fiber.join(fiber)
    })
  })

  /** What was listed last, with the aliases of now. */
  const current = (found: VoiceIndex) => {
    if (live.now().voices === aliases) return Effect.succeed(found)
    aliases = live.now().voices
    last = index(aliases)
    return Effect.as(tellUnknown(last), last)
  }

  const service: Voices = {
    known: Effect.flatMap(listing, (wait) => (last === undefined ? wait : current(last))),
    latest: Effect.flatMap(listing, (wait) => {
      const before = last
      if (before === undefined) return wait
      const unlessItCame = () => Effect.succeed(before)
      return wait.pipe(
        Effect.timeoutOrElse({ duration: patience, orElse: unlessItCame }),
        Effect.catch(unlessItCame),
        Effect.flatMap((newest) => current(last ?? newest)),
      )
    }),
    last: () => last,
    speakers,
  }
  return service
})

/** See `Voices`. */
export class VoiceList extends Context.Service<VoiceList, Voices>()("aviary/speech/VoiceList") {
  static readonly layer = Layer.effect(VoiceList, make)
}
