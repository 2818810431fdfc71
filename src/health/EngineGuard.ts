import { Context, Duration, Effect, Exit, Layer, Metric, Option, Result, Schedule, Scope, Stream } from "effect"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { EngineError } from "../upstream/EngineError.ts"
import { Admission, begunWait, type TurnOptions } from "./Admission.ts"
import { DeepHealth } from "./DeepHealth.ts"
import { type Engine, engineName } from "./Engine.ts"
import { type EngineState, refusesRequests, takesRequests } from "./EngineState.ts"
import { type EngineRecord, EngineStates } from "./EngineStates.ts"
import { EngineWedged, HealthError, QueueWaitTimedOut } from "./HealthError.ts"
import { Quarantine } from "./Quarantine.ts"
import { classify, describe } from "./WedgeRules.ts"

/** @property content hash of the recording; with it the call may be replayed after a recovery, and quarantined */
export interface GuardOptions {
  readonly content?: string | undefined
}

/** How often an engine that is too busy is asked again for the rest of a begun answer: for about a minute. */
const overloadRetries = Schedule.upTo(Schedule.exponential("500 millis", 1.5), { times: 10 })

/**
 * Stands between the programs and the engines. It waits for the engine's turn, keeps requests from an engine that a
 * probe found wedged, and reports failures so that one probe looks and one restart follows.
 *
 * - `call`: an engine call that can be made again. With `content`, and where `AVIARY_RECOVERY_WAIT` is set, a call that
 *   met a wedge waits for the recovery and is made once more.
 * - `stream`: holds the turn until the stream ends. With `begun` it is the rest of an answer that a client already
 *   receives: it goes before all that has not begun, and an engine that says it is too busy is asked again. Nothing else
 *   is made again.
 *
 * - `ask`: a question that costs the engine nothing, such as which voices it has: takes no turn and is never refused, but
 *   what it meets counts like what a call meets.
 *
 * `call` and `stream` fail with `EngineWedged`, `QueueFull`, `QueueWaitTimedOut` or `Quarantined`; what is the call's own failure passes.
 */
export class EngineGuard extends Context.Service<
  EngineGuard,
  {
    readonly ask: <A, E extends EngineError, R>(
      engine: Engine,
      question: Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E, R>
    readonly call: <A, E extends EngineError, R>(
      engine: Engine,
      call: Effect.Effect<A, E, R>,
      options?: GuardOptions,
    ) => Effect.Effect<A, E | HealthError, R>
    readonly stream: <A, E extends EngineError, R>(
      engine: Engine,
      stream: Stream.Stream<A, E, R>,
      options?: TurnOptions,
    ) => Stream.Stream<A, E | HealthError, R>
  }
>()("aviary/health/EngineGuard") {
  static readonly layer = Layer.effect(EngineGuard, Effect.suspend(make))

  /** Lets everything through: for programs run without the health room. */
  static readonly layerOpen = Layer.succeed(EngineGuard, {
    ask: (_, question) => question,
    call: (_, call) => call,
    stream: (_, stream) => stream,
  })
}

function make() {
  return Effect.gen(function* () {
    const settings = yield* Settings
    const states = yield* EngineStates
    const admission = yield* Admission
    const deepHealth = yield* DeepHealth
    const quarantine = yield* Quarantine

    const retryAfterMillis = Duration.toMillis(settings.retryAfter)
    const recoveryMillis = Duration.toMillis(settings.recoveryWait)
    // A probe tries twice, with a pause between.
    const verdictMillis = 2 * Duration.toMillis(settings.probeTimeout) + 2_000

    const wedged = ({ engine, state }: EngineRecord) =>
      new HealthError({
        reason: new EngineWedged({
          engine,
          state,
          message: explain(engine, state),
          ...(state !== "exhausted" && { retryAfterMillis }),
        }),
      })

    /** Waits while the state forbids requests: for a verdict always, for a recovery until `holdMillis` have passed. */
    const untilUsable = Effect.fnUntraced(function* (engine: Engine, holdMillis: number, options?: TurnOptions) {
      const holdUntil = (yield* elapsedMillis) + holdMillis
      for (;;) {
        const record = yield* states.get(engine)
        if (takesRequests(record.state)) return
        const isHeld = record.state !== "suspect"
        const patience = isHeld ? holdUntil - (yield* elapsedMillis) : verdictMillis
        if (patience <= 0 || record.state === "exhausted") return yield* wedged(record)
        const news = states.until(engine, (state) =>
          isHeld ? takesRequests(state) || state === "exhausted" : state !== "suspect",
        )
        const came = yield* admission.inLine(engine, Effect.timeoutOption(news, patience), options)
        if (Option.isNone(came)) return yield* wedged(yield* states.get(engine))
      }
    })

    /** The engine's turn, unless the wait for it changed the state: then it is given back and nothing returned. */
    const turnIfUsable = Effect.fnUntraced(function* (engine: Engine, options?: TurnOptions) {
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(admission.turn(engine, options), scope)
      const record = yield* states.get(engine)
      if (takesRequests(record.state)) return record
      yield* Scope.close(scope, Exit.void)
      return undefined
    })

    const enter = Effect.fnUntraced(function* (engine: Engine, holdMillis: number, options?: TurnOptions) {
      for (;;) {
        yield* untilUsable(engine, holdMillis, options)
        const record = yield* turnIfUsable(engine, options)
        if (record !== undefined) return record
      }
    })

    const enterInTime = (
      engine: Engine,
      holdMillis: number,
      options?: TurnOptions,
    ): Effect.Effect<EngineRecord, HealthError, Scope.Scope> => {
      const queueWait = options?.begun === true ? begunWait(engine, settings) : settings.queueWait
      const waitedMillis = Duration.toMillis(queueWait) + verdictMillis + holdMillis
      const tooLate = new HealthError({ reason: new QueueWaitTimedOut({ engine, waitedMillis, retryAfterMillis }) })
      return enter(engine, holdMillis, options).pipe(
        Effect.timeoutOrElse({ duration: waitedMillis, orElse: () => Effect.fail(tooLate) }),
        Effect.tapError(({ reason }) =>
          Metric.update(Metric.withAttributes(Metrics.engineRefusals, { engine, reason: reason._tag }), 1),
        ),
      )
    }

    /** Reports a call's failure, and says what it is to the client. `life` is the engine's when the call began. */
    const judge = Effect.fnUntraced(function* <E extends EngineError>(
      engine: Engine,
      life: number,
      error: E,
      content: string | undefined,
    ) {
      const finding = classify(engine, error.reason)
      if (finding === "request" || finding === "overload") return error
      const record = yield* states.get(engine)
      // The first probe to pass ends no life: a call that came before it is of the same process.
      const isOld = record.life !== life && (life > 0 || record.restarts.length > 0)
      if (finding === "wedge") {
        // A wedge that a probe has confirmed counts at once; of a suspicion the verdict says whether it was one.
        if (content !== undefined && !isOld) {
          yield* refusesRequests(record.state)
            ? quarantine.strike(content, life)
            : quarantine.suspect(engine, content, life)
        }
        if (!isOld) yield* deepHealth.suspect(engine, describe(error.reason))
        return wedged(yield* states.get(engine))
      }
      // Cut off by a restart, or by what the restart is about.
      if (isOld || !takesRequests(record.state)) return wedged(record)
      if (finding === "unreachable") {
        if (record.state === "down") return error
        // Nobody has to confirm that nobody listens.
        yield* states.apply(engine, "unreachable", describe(error.reason))
      }
      yield* deepHealth.look(engine)
      return error
    })

    /** A call to an engine that was down when it began has been answered: that is news at once; a probe says more. */
    const answered = (engine: Engine, { state }: EngineRecord) =>
      state === "down"
        ? Effect.andThen(states.apply(engine, "answered", "a request was answered"), deepHealth.look(engine))
        : Effect.void

    const once = <A, E extends EngineError, R>(
      engine: Engine,
      call: Effect.Effect<A, E, R>,
      content: string | undefined,
      holdMillis: number,
    ) =>
      Effect.scoped(
        Effect.gen(function* () {
          const record = yield* enterInTime(engine, holdMillis)
          const result = yield* Effect.result(call)
          if (Result.isFailure(result)) {
            const error = yield* judge(engine, record.life, result.failure, content)
            return error instanceof HealthError ? Result.fail(error) : yield* result.failure
          }
          yield* answered(engine, record)
          return Result.succeed(result.success)
        }),
      )

    return EngineGuard.of({
      ask: Effect.fnUntraced(function* (engine, question) {
        const record = yield* states.get(engine)
        const answer = yield* Effect.tapError(question, (error) => judge(engine, record.life, error, undefined))
        yield* answered(engine, record)
        return answer
      }),
      call: Effect.fnUntraced(function* (engine, call, options) {
        const content = options?.content
        if (content !== undefined) yield* quarantine.check(content)
        const holdMillis = content === undefined ? 0 : recoveryMillis
        const first = yield* once(engine, call, content, holdMillis)
        if (Result.isSuccess(first)) return first.success
        if (holdMillis === 0) return yield* first.failure
        yield* Effect.logInfo(`a call that met a wedge of ${engineName(engine)} waits to be made once more`)
        const second = yield* once(engine, call, content, holdMillis)
        return yield* Effect.fromResult(second)
      }),
      stream: (engine, stream, options) =>
        Stream.unwrap(
          Effect.map(enterInTime(engine, 0, options), (record) =>
            (options?.begun === true ? patiently(engine, stream) : stream).pipe(
              Stream.onFirst(() => answered(engine, record)),
              Stream.catch((error) =>
                Stream.fromEffect(Effect.flatMap(judge(engine, record.life, error, undefined), Effect.fail)),
              ),
            ),
          ),
        ),
    })
  })
}

/** `stream`, asked for again while the engine says that it is too busy to begin with it. */
const patiently = <A, E extends EngineError, R>(
  engine: Engine,
  stream: Stream.Stream<A, E, R>,
): Stream.Stream<A, E, R> =>
  Stream.suspend(() => {
    let sounds = false
    const isTooBusy = ({ reason }: E) => !sounds && classify(engine, reason) === "overload"
    return stream.pipe(
      Stream.onFirst(() => Effect.sync(() => void (sounds = true))),
      Stream.retry(($) => Schedule.while($(overloadRetries), ({ input }) => isTooBusy(input))),
    )
  })

function explain(engine: Engine, state: EngineState): string {
  const name = engineName(engine)
  switch (state) {
    case "suspect":
      return `${name} seems to have failed in a way that only a restart mends. It is being checked; try again later.`
    case "restarting":
      return `${name} is being restarted after a failure; try again later.`
    case "recovering":
      return `${name} is starting; try again later.`
    case "exhausted":
      return `${name} failed again after each restart, and is not restarted any more for now. Its operator must look at it.`
    default:
      return `${name} has failed in a way that only a restart mends; try again later.`
  }
}
