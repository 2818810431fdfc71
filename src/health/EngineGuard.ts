import { Context, Duration, Effect, Layer, Schedule, Stream } from "effect"
import { Settings } from "../Settings.ts"
import type { EngineError } from "../upstream/EngineError.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import type { TurnOptions } from "./Admission.ts"
import { DeepHealth } from "./DeepHealth.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { refusesRequests, takesRequests } from "./EngineState.ts"
import { type EngineRecord, EngineStates } from "./EngineStates.ts"
import { makeEntrance, makeRefusal } from "./Entrance.ts"
import { type ClientOf, Fleet } from "./Fleet.ts"
import { HealthError } from "./HealthError.ts"
import { Quarantine } from "./Quarantine.ts"
import { classify, describe } from "./WedgeRules.ts"

/**
 * @property content hash of what the engine is given. With it a call that meets a wedge counts against the content, which is refused
 *   after the second; and it may be made once more
 */
export interface GuardOptions extends TurnOptions {
  readonly content?: string | undefined
}

/** A call ended at a wedge of `engine` before it gave anything, so it can be made again. Seen in this file only. */
class MetWedge {
  readonly engine: EngineId
  readonly error: HealthError
  constructor(engine: EngineId, error: HealthError) {
    this.engine = engine
    this.error = error
  }
}

/** How often an engine that is too busy is asked again for the rest of a begun answer: for about a minute. */
const overloadRetries = Schedule.upTo(Schedule.exponential("500 millis", 1.5), { times: 10 })

/**
 * Stands between the programs and the engines. It hands out the client of a member that can be used and waits for its turn, keeps
 * requests from an engine that a probe found wedged, and reports failures so that one probe looks and one restart follows.
 *
 * - `stream`: an engine call that holds the turn until the stream ends. With `content`, and where `AVIARY_RECOVERY_WAIT` is set, a
 *   call that met a wedge before its first element waits for a member that can be used and is made once more. With `begun` it is
 *   the rest of an answer that a client already receives: it goes before all that has not begun, and an engine that says it is too
 *   busy is asked again. Nothing else is made again.
 * - `ask`: a question that costs the engine nothing, such as which voices it has: takes no turn and is never refused, but
 *   what it meets counts like what a call meets.
 *
 * `stream` fails with `EngineWedged`, `QueueFull`, `QueueWaitTimedOut` or `Quarantined`; what is the call's own failure passes.
 */
interface Guard {
  readonly ask: <K extends EngineKind, A, R>(
    kind: K,
    question: (client: ClientOf<K>) => Effect.Effect<A, EngineError, R>,
  ) => Effect.Effect<A, EngineError, R>
  readonly stream: <K extends EngineKind, A, R>(
    kind: K,
    stream: (client: ClientOf<K>) => Stream.Stream<A, EngineError, R>,
    options?: GuardOptions,
  ) => Stream.Stream<A, EngineError | HealthError, R>
}

const make = Effect.gen(function* () {
  const settings = yield* Settings
  const states = yield* EngineStates
  const deepHealth = yield* DeepHealth
  const quarantine = yield* Quarantine
  const { choose, enter } = yield* makeEntrance
  const judge = yield* makeJudge
  const recoveryMillis = Duration.toMillis(settings.recoveryWait)

  /** A call to an engine that was down when it began has been answered: that is news at once; a probe says more. */
  const answered = ({ engine, state }: EngineRecord) =>
    state === "down"
      ? Effect.andThen(states.apply(engine, "answered", "a request was answered"), deepHealth.look(engine))
      : Effect.void

  const once = <K extends EngineKind, A, R>(
    kind: K,
    stream: (client: ClientOf<K>) => Stream.Stream<A, EngineError, R>,
    holdMillis: number,
    { begun, content }: GuardOptions,
  ) =>
    Stream.unwrap(
      Effect.map(enter(kind, holdMillis, { begun }), ({ member, record }) => {
        let gave = false
        // At its first element, or at its end where it has none.
        const answeredOnce = Effect.suspend(() => {
          if (gave) return Effect.void
          gave = true
          return answered(record)
        })
        const call = stream(member.client)
        return (begun === true ? patiently(kind, call) : call).pipe(
          Stream.onFirst(() => answeredOnce),
          Stream.onEnd(answeredOnce),
          Stream.catch((failure) =>
            Stream.fromEffect(
              Effect.flatMap(judge(member, record.life, failure, content), (error) =>
                Effect.fail(error instanceof HealthError && !gave ? new MetWedge(member.id, error) : error),
              ),
            ),
          ),
        )
      }),
    )

  const service: Guard = {
    ask: Effect.fnUntraced(function* (kind, question) {
      const member = yield* choose(kind)
      const record = yield* states.get(member.id)
      const answer = yield* Effect.tapError(question(member.client), (error) =>
        judge(member, record.life, error, undefined),
      )
      yield* answered(record)
      return answer
    }),
    stream: (kind, stream, options = {}) => {
      const { content } = options
      const holdMillis = content === undefined ? 0 : recoveryMillis
      const call = once(kind, stream, holdMillis, options)
      const last = Stream.mapError(call, (error) => (error instanceof MetWedge ? error.error : error))
      const again = (engine: EngineId) =>
        Stream.fromEffectDrain(
          Effect.logInfo(`a call that met a wedge of ${engineName(engine)} waits to be made once more`),
        ).pipe(Stream.concat(last))
      const guarded =
        holdMillis === 0
          ? last
          : Stream.catch(call, (error) => (error instanceof MetWedge ? again(error.engine) : Stream.fail(error)))
      return content === undefined ? guarded : Stream.concat(Stream.fromEffectDrain(quarantine.check(content)), guarded)
    },
  }
  return service
})

/** See `Guard`. */
export class EngineGuard extends Context.Service<EngineGuard, Guard>()("aviary/health/EngineGuard") {
  static readonly layer = Layer.effect(EngineGuard, make)

  /** Lets everything through to the first of its kind: for programs run without the health room. */
  static readonly layerOpen = Layer.effect(
    EngineGuard,
    Effect.map(Fleet, ({ of }): Guard => ({
      ask: (kind, question) => question(of(kind)[0].client),
      stream: (kind, stream) => stream(of(kind)[0].client),
    })),
  )
}

/** Reports a call's failure, and says what it is to the client. `life` is the engine's when the call began. */
const makeJudge = Effect.gen(function* () {
  const refusal = makeRefusal(yield* Settings)
  const states = yield* EngineStates
  const deepHealth = yield* DeepHealth
  const quarantine = yield* Quarantine

  /** A wedge that a probe has confirmed counts at once; of a suspicion the verdict says whether it was one. */
  const incriminate = ({ engine, state }: EngineRecord, content: string, life: number) =>
    refusesRequests(state) ? quarantine.strike(engine, content, life) : quarantine.suspect(engine, content, life)

  return Effect.fnUntraced(function* (
    { id, kind }: { readonly id: EngineId; readonly kind: EngineKind },
    life: number,
    error: EngineError,
    content: string | undefined,
  ) {
    const finding = classify(kind, error.reason)
    if (finding === "request" || finding === "overload") return error
    const record = yield* states.get(id)
    // The first probe to pass ends no life: a call that came before it is of the same process.
    const isOld = record.life !== life && (life > 0 || record.restarts.length > 0)
    if (finding === "wedge") {
      if (content !== undefined && !isOld) yield* incriminate(record, content, life)
      if (!isOld) yield* deepHealth.suspect(id, describe(error.reason))
      return refusal(yield* states.get(id))
    }
    // Cut off by a restart, or by what the restart is about.
    if (isOld || !takesRequests(record.state)) return refusal(record)
    if (finding === "unreachable") {
      if (record.state === "down") return error
      // Nobody has to confirm that nobody listens.
      yield* states.apply(id, "unreachable", describe(error.reason))
    }
    yield* deepHealth.look(id)
    return error
  })
})

/** `stream`, asked for again while the engine says that it is too busy to begin with it. */
const patiently = <A, R>(
  kind: EngineKind,
  stream: Stream.Stream<A, EngineError, R>,
): Stream.Stream<A, EngineError, R> =>
  Stream.suspend(() => {
    let sounds = false
    const isTooBusy = ({ reason }: EngineError) => !sounds && classify(kind, reason) === "overload"
    return stream.pipe(
      Stream.onFirst(() => Effect.sync(() => void (sounds = true))),
      Stream.retry(($) => Schedule.while($(overloadRetries), ({ input }) => isTooBusy(input))),
    )
  })
