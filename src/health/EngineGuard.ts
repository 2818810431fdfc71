import { Cause, Clock, Context, Deferred, Duration, Effect, Layer, Metric, Schedule, Stream } from "effect"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { tellTrace, traced } from "../telemetry/Spans.ts"
import { type EngineError, errorOf } from "../upstream/EngineError.ts"
import { EngineUnreachable } from "../upstream/EngineFailure.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { Admission, makeOutlook, type TurnOptions } from "./Admission.ts"
import { DeepHealth } from "./DeepHealth.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { isAsleep, refusesRequests, takesRequests } from "./EngineState.ts"
import { type EngineRecord } from "./EngineReport.ts"
import { EngineStates } from "./EngineStates.ts"
import { type ClientOf, Fleet, type Member } from "./Fleet.ts"
import { HealthError, makeRefusal } from "./HealthError.ts"
import { type LastResort, makeLastResort, noLastResort } from "./LastResort.ts"
import { Quarantine } from "./Quarantine.ts"
import { classify, describe, mayDoElsewhere } from "./WedgeRules.ts"

/**
 * @property content hash of what the engine is given. With it a call that meets a wedge counts against the content, which is refused
 *   after the second; and where no engine is left it may be made once more
 * @property replaceable whether something else is asked where no engine can answer: then the call is not made where nobody listens,
 *   for a host that is gone costs the time of a connection
 */
export interface GuardOptions extends Omit<TurnOptions, "tried" | "holdMillis"> {
  readonly content?: string | undefined
  readonly replaceable?: boolean | undefined
}

/** A call gave nothing, and another engine may do better. Seen in this file only. */
class Elsewhere {
  readonly engine: EngineId
  readonly error: EngineError | HealthError
  readonly why: string
  constructor(engine: EngineId, error: EngineError | HealthError, why: string) {
    this.engine = engine
    this.error = error
    this.why = why
  }
}

/** How often an engine that is too busy is asked again for the rest of a begun answer: for about a minute. */
const overloadRetries = Schedule.upTo(Schedule.exponential("500 millis", 1.5), { times: 10 })

/**
 * Stands between the programs and the engines. It waits for the turn of a call at a member that can be used, keeps requests from an
 * engine that a probe found wedged, and reports failures so that one probe looks and one restart follows.
 *
 * - `stream`: an engine call that holds the turn until the stream ends. One that fails before its first element, in a way that says
 *   something about its engine, goes at once to another that is believed to answer, each at most once. With `content`, and where
 *   `AVIARY_RECOVERY_WAIT` is set, a call that met a wedge and has no other left waits for a member that can be used and is made
 *   once more. With `begun` it is the rest of an answer that a client already receives: it goes before all that has not begun, and an
 *   engine that says it is too busy is asked again. Nothing else is made again.
 * - `ask`: a question to each engine of a kind that costs it nothing, such as which voices it has: takes no turn and is never
 *   refused, but what it meets counts like what a call meets. Gives what each answered, and fails where none does.
 *
 * - `lastResort`: what answers where no engine of a kind does.
 * - `mayAnswer`: whether one of these engines is believed to answer requests.
 *
 * `stream` fails with `EngineWedged`, `EngineStarting`, `QueueFull`, `QueueWaitTimedOut` or `Quarantined`; what is the call's own
 * failure passes, of several engines the last one's.
 */
interface Guard {
  readonly lastResort: <K extends EngineKind>(kind: K) => LastResort<K>
  readonly mayAnswer: (kind: EngineKind, among: ReadonlySet<EngineId>) => boolean
  readonly ask: <K extends EngineKind, A>(
    kind: K,
    question: (client: ClientOf<K>) => Effect.Effect<A, EngineError>,
  ) => Effect.Effect<ReadonlyMap<EngineId, A>, EngineError>
  readonly stream: <K extends EngineKind, A, R>(
    kind: K,
    stream: (client: ClientOf<K>) => Stream.Stream<A, EngineError, R>,
    options?: GuardOptions,
  ) => Stream.Stream<A, EngineError | HealthError, R>
}

/** A call as the programs see it, before it is known which engine gets it. */
interface Call<K extends EngineKind, A, R> {
  readonly kind: K
  readonly stream: (client: ClientOf<K>) => Stream.Stream<A, EngineError, R>
  readonly options: GuardOptions
  readonly tried: Set<EngineId>
}

/** A call to an engine that was down when it began has been answered: that is news at once; a probe says more. */
const makeAnswered = Effect.gen(function* () {
  const states = yield* EngineStates
  const deepHealth = yield* DeepHealth
  return ({ engine, state }: EngineRecord) =>
    state === "down"
      ? Effect.andThen(states.apply(engine, "answered", "a request was answered"), deepHealth.look(engine))
      : Effect.void
})

/** A call at one engine after the other, until one gives something. */
const makeEverywhere = Effect.gen(function* () {
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const admission = yield* Admission
  const { allDown, hasOther } = yield* makeOutlook
  const judge = yield* makeJudge
  const answered = yield* makeAnswered

  /** The call at one engine, whichever can take it first; fails with `Elsewhere` where another may do better. */
  const once = <K extends EngineKind, A, R>(
    { kind, options, stream, tried }: Call<K, A, R>,
    holdMillis: number,
    earlier?: Elsewhere,
  ) => {
    const turn = admission.turn(kind, { ...options, tried: new Set(tried), holdMillis }).pipe(
      Effect.tap((engine) => tellTrace(() => ({ "aviary.engine": engine }))),
      traced("EngineGuard.turn", { "aviary.engine_kind": kind }),
    )
    return Stream.unwrap(
      // That no other could be had is no answer to what the first did.
      Effect.map(
        Effect.mapError(turn, (refused) => earlier ?? refused),
        (engine) => {
          const member = fleet.group(kind, options.standIn).find(({ id }) => id === engine)!
          const record = states.peek(engine)
          tried.add(engine)
          const call = stream(member.client)
          const isAlone = () => !hasOther(kind, { ...options, tried })
          return watched(options.begun === true ? patiently(kind, call, isAlone) : call, {
            answered: answered(record),
            failed: (failure, gave) =>
              Effect.flatMap(judge(member, record, failure, options.content), (error) => {
                const isLost = gave || !mayDoElsewhere(kind, failure.reason)
                return Effect.fail(isLost ? error : new Elsewhere(engine, error, describe(failure.reason)))
              }),
          })
        },
      ),
    )
  }

  /** `instead` is what becomes of an error that nothing else can be done about. */
  const everywhere = <K extends EngineKind, A, R>(
    call: Call<K, A, R>,
    holdMillis: number,
    instead: (error: EngineError | HealthError | Elsewhere) => Stream.Stream<A, EngineError | HealthError, R>,
    earlier?: Elsewhere,
  ): Stream.Stream<A, EngineError | HealthError, R> =>
    Stream.catch(once(call, holdMillis, earlier), (error) =>
      error instanceof Elsewhere && hasOther(call.kind, { ...call.options, tried: call.tried })
        ? Stream.concat(Stream.fromEffectDrain(passOn(error)), everywhere(call, 0, instead, error))
        : instead(error),
    )

  /** What a call fails with that is not made, since nobody listens at any engine. */
  const unmade = ({ kind, options }: Pick<Call<EngineKind, unknown, unknown>, "kind" | "options">) => {
    const engine = options.replaceable === true ? allDown(kind, options) : undefined
    return engine === undefined
      ? undefined
      : errorOf(kind)(new EngineUnreachable({ message: states.peek(engine).reason }))
  }

  return { once, everywhere, unmade }
})

const make = Effect.gen(function* () {
  const settings = yield* Settings
  const states = yield* EngineStates
  const quarantine = yield* Quarantine
  const { hasOther } = yield* makeOutlook
  const judge = yield* makeJudge
  const answered = yield* makeAnswered
  const askAll = yield* makeAsk
  const { everywhere, once, unmade } = yield* makeEverywhere
  const recoveryMillis = Duration.toMillis(settings.recoveryWait)

  const lastResorts: { readonly [K in EngineKind]: LastResort<K> } = {
    magpie: yield* makeLastResort("magpie"),
    parakeet: yield* makeLastResort("parakeet"),
  }

  const service: Guard = {
    lastResort: (kind) => lastResorts[kind],
    mayAnswer: (kind, among) => hasOther(kind, { among }),
    ask: (kind, question) =>
      askAll(kind, (member) =>
        Effect.gen(function* () {
          const record = states.peek(member.id)
          const answer = yield* Effect.tapError(question(member.client), (error) =>
            judge(member, record, error, undefined),
          )
          yield* answered(record)
          return answer
        }),
      ),
    stream: (kind, stream, options = {}) => {
      const { content } = options
      const holdMillis = content === undefined ? 0 : recoveryMillis
      const calling = () => ({ kind, stream, options, tried: new Set<EngineId>() })
      const last = (error: EngineError | HealthError | Elsewhere) => (error instanceof Elsewhere ? error.error : error)
      const again = (error: Elsewhere) =>
        Stream.fromEffectDrain(
          Effect.logInfo(`a call that met a wedge of ${engineName(error.engine)} waits to be made once more`),
        ).pipe(Stream.concat(Stream.mapError(once(calling(), holdMillis), last)))
      const instead = (error: EngineError | HealthError | Elsewhere) =>
        holdMillis > 0 && error instanceof Elsewhere && error.error instanceof HealthError
          ? again(error)
          : Stream.fail(last(error))
      const guarded = Stream.suspend(() => {
        const error = unmade({ kind, options })
        return error === undefined ? everywhere(calling(), holdMillis, instead) : Stream.fail(error)
      })
      return content === undefined ? guarded : Stream.concat(Stream.fromEffectDrain(quarantine.check(content)), guarded)
    },
  }
  return service
})

/** See `Guard`. */
export class EngineGuard extends Context.Service<EngineGuard, Guard>()("aviary/health/EngineGuard") {
  static readonly layer = Layer.effect(EngineGuard, make)

  /** Lets everything through to the first of its kind that can do it: for programs run without the health room. */
  static readonly layerOpen = Layer.effect(
    EngineGuard,
    Effect.map(Fleet, ({ of }): Guard => ({
      lastResort: () => noLastResort,
      mayAnswer: () => true,
      ask: (kind, question) => {
        const [first] = of(kind)
        return Effect.map(question(first.client), (answer) => new Map([[first.id, answer]]))
      },
      stream: (kind, stream, { among } = {}) => {
        const able = of(kind).find(({ id }) => among?.has(id) !== false)
        return stream((able ?? of(kind)[0]).client)
      },
    })),
  )
}

/** `call`, of which it is told that it has answered, at its first element or at its end where it has none, and what it failed with. */
const watched = <A, R, E>(
  call: Stream.Stream<A, EngineError, R>,
  told: {
    readonly answered: Effect.Effect<unknown>
    readonly failed: (failure: EngineError, gave: boolean) => Effect.Effect<never, E>
  },
): Stream.Stream<A, E, R> =>
  Stream.transformPull(call, (pull) =>
    Effect.sync(() => {
      let gave = false
      const first = <B, E2>(then: Effect.Effect<B, E2>) => {
        if (gave) return then
        gave = true
        return Effect.andThen(told.answered, then)
      }
      return Effect.matchEffect(pull, {
        onSuccess: (elements) => first(Effect.succeed(elements)),
        onFailure: (failure): Effect.Effect<never, E | Cause.Done> =>
          Cause.isDone(failure) ? first(Cause.done()) : told.failed(failure, gave),
      })
    }),
  )

const passOn = ({ engine, why }: Elsewhere) =>
  Effect.andThen(
    Effect.logInfo(`a call that ${engineName(engine)} failed goes to another: ${why}`),
    Metric.update(Metric.withAttributes(Metrics.engineFailovers, { engine }), 1),
  )

/** Reports a call's failure, and says what it is to the client. `before` is what was known of the engine when the call began. */
const makeJudge = Effect.gen(function* () {
  const refusal = makeRefusal(yield* Settings)
  const states = yield* EngineStates
  const deepHealth = yield* DeepHealth
  const quarantine = yield* Quarantine

  /** A wedge that a probe has confirmed counts at once; of a suspicion the verdict says whether it was one. */
  const incriminate = ({ engine, state }: EngineRecord, content: string, life: number) =>
    refusesRequests(state) ? quarantine.strike(engine, content, life) : quarantine.suspect(engine, content, life)

  return Effect.fnUntraced(function* (
    { id, kind }: Pick<Member, "id" | "kind">,
    before: Pick<EngineRecord, "era" | "life">,
    error: EngineError,
    content: string | undefined,
  ) {
    const { life } = before
    const finding = classify(kind, error.reason)
    if (finding === "request" || finding === "overload") return error
    const record = states.peek(id)
    const now = yield* Clock.currentTimeMillis
    // The first probe to pass ends no life: a call that came before it is of the same process.
    const isOld = record.life !== life && (life > 0 || record.restarts.length > 0)
    if (finding === "wedge") {
      if (content !== undefined && !isOld) yield* incriminate(record, content, life)
      if (!isOld) yield* deepHealth.suspect(id, describe(error.reason))
      return refusal(states.peek(id), now)
    }
    // Cut off by a restart, or by what the restart is about.
    if (record.era !== before.era || !takesRequests(record.state)) return refusal(record, now)
    // Of an engine that came back meanwhile it says nothing, and to its client what it is.
    if (isOld) return error
    if (finding === "unreachable") {
      if (record.state === "down") return error
      // Nobody has to confirm that nobody listens.
      yield* states.apply(id, "unreachable", describe(error.reason))
    }
    yield* deepHealth.look(id)
    return error
  })
})

/** `stream`, asked for again while the engine says that it is too busy to begin with it, and is the only one there is. */
const patiently = <A, R>(
  kind: EngineKind,
  stream: Stream.Stream<A, EngineError, R>,
  isAlone: () => boolean,
): Stream.Stream<A, EngineError, R> =>
  Stream.suspend(() => {
    let sounds = false
    const isTooBusy = ({ reason }: EngineError) => !sounds && classify(kind, reason) === "overload" && isAlone()
    return stream.pipe(
      Stream.onFirst(() => Effect.sync(() => void (sounds = true))),
      Stream.retry(($) => Schedule.while($(overloadRetries), ({ input }) => isTooBusy(input))),
    )
  })

/** How long the others may take once one engine has answered. */
const patience = "2 seconds"

/**
 * Puts a question to all engines of a kind at once and gives what each answered; of those that have not when the first did, what they
 * say within two seconds. Fails with the failure of the first where none answers. One that is stopped is not asked, unless all are: then
 * one is started, and waited for as long as requests wait for it.
 */
const makeAsk = Effect.gen(function* () {
  const { recoveryWait } = yield* Settings
  const fleet = yield* Fleet
  const states = yield* EngineStates

  /** Those that can be asked; where there is none, the one that is started for it. */
  const awake = Effect.fnUntraced(function* <K extends EngineKind>(kind: K) {
    const all = fleet.of(kind)
    const awake = all.filter(({ id }) => !isAsleep(states.peek(id).state))
    if (awake.length > 0) return awake
    const one = all.find(({ id }) => states.peek(id).state === "starting") ?? all[0]
    yield* states.apply(one.id, "needed", "its voices were asked for")
    yield* states
      .until(one.id, (state) => !isAsleep(state) && state !== "recovering")
      .pipe(Effect.timeoutOption(recoveryWait))
    return [one]
  })

  return Effect.fnUntraced(function* <K extends EngineKind, A>(
    kind: K,
    question: (member: Member<K>) => Effect.Effect<A, EngineError>,
  ): Effect.fn.Return<ReadonlyMap<EngineId, A>, EngineError> {
    const asked = yield* awake(kind)
    const answers = new Map<EngineId, A>()
    const failures = new Map<EngineId, EngineError>()
    const first = yield* Deferred.make<void>()
    const each = (member: Member<K>) =>
      question(member).pipe(
        Effect.tap((answer) =>
          Effect.andThen(
            Effect.sync(() => answers.set(member.id, answer)),
            Deferred.succeed(first, undefined),
          ),
        ),
        Effect.catch((error) => Effect.sync(() => void failures.set(member.id, error))),
      )
    yield* Effect.raceFirst(
      Effect.forEach(asked, each, { concurrency: "unbounded", discard: true }),
      Effect.andThen(Deferred.await(first), Effect.sleep(patience)),
    )
    if (answers.size > 0) return answers
    return yield* asked.flatMap(({ id }) => failures.get(id) ?? [])[0]!
  })
})
