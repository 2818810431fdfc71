import { Clock, Context, Duration, Effect, Layer, Option, type Scope } from "effect"
import { Settings } from "../Settings.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import type { EngineId } from "./EngineId.ts"
import { Fleet } from "./Fleet.ts"
import { HealthError, QueueFull, QueueWaitTimedOut } from "./HealthError.ts"
import { makeTurns } from "./Turns.ts"

/** `Retry-After` of a full queue: about as long as an engine needs for a few short calls. */
const overloadRetryMillis = 5_000

/** The most that `Retry-After` asks for when the line is measured to be longer than that. */
const longestRetryMillis = 60_000

/** How much the newest call counts in the average length of one. */
const newestWeight = 0.2

/** @property begun part of an answer that its client already receives: it goes first, and the line's length does not turn it away */
export interface TurnOptions {
  readonly begun?: boolean | undefined
}

/**
 * Whose turn it is: so many calls at once for each engine, and a line of bounded length and wait before it.
 *
 * - `turn`: held until the scope closes. Fails with `QueueFull`, also where the line is so slow that the wait would run
 *   out, or with `QueueWaitTimedOut`. What has begun waits only for what began before it.
 * - `probeTurn`: stands in the same line, is not turned away by its length; false when its turn did not come.
 * - `inLine`: runs a wait (for a verdict, for a recovery) that counts as waiting in line.
 * - `waiting`, `working`: how many wait and how many have their turn.
 * - `ahead`: how many of them have to leave before it is a newcomer's turn.
 */
interface Turnstile {
  readonly turn: (engine: EngineId, options?: TurnOptions) => Effect.Effect<void, HealthError, Scope.Scope>
  readonly probeTurn: (engine: EngineId) => Effect.Effect<boolean, never, Scope.Scope>
  readonly inLine: <A, E, R>(
    engine: EngineId,
    wait: Effect.Effect<A, E, R>,
    options?: TurnOptions,
  ) => Effect.Effect<A, E | HealthError, R>
  readonly waiting: (engine: EngineId) => Effect.Effect<number>
  readonly working: (engine: EngineId) => Effect.Effect<number>
  readonly ahead: (engine: EngineId) => Effect.Effect<number>
}

/**
 * How long what has begun may wait for its turn. Only speeches that began before it are in front, no more of them than
 * turns, so two calls that take all the time they have are the worst.
 */
export const begunWait = (kind: EngineKind, settings: Settings["Service"]): Duration.Duration => {
  const call = kind === "magpie" ? settings.magpieTimeout : settings.parakeetTimeout
  return Duration.sum(settings.queueWait, Duration.times(call, 2))
}

/** What is counted of each engine: its turns and its line, its calls and how long they take. */
const makeGates = Effect.gen(function* () {
  const { members } = yield* Fleet
  const clock = yield* Clock.Clock
  const gates = new Map(
    members.map(({ concurrency, id, kind }) => [
      id,
      { kind, concurrency, turns: makeTurns(concurrency), line: 0, working: 0, callMillis: 0 },
    ]),
  )
  const gateOf = (engine: EngineId) => gates.get(engine)!

  const nowMillis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  const counted = (engine: EngineId) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        gateOf(engine).working++
        return nowMillis()
      }),
      (from) =>
        Effect.sync(() => {
          const gate = gateOf(engine)
          gate.working--
          gate.callMillis += newestWeight * (nowMillis() - from - gate.callMillis)
        }),
    )

  const standing = <A, E, R>(engine: EngineId, wait: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => void gateOf(engine).line++),
      () => wait,
      () => Effect.sync(() => void gateOf(engine).line--),
    )

  return { gateOf, counted, standing }
})

const timedOut = (engine: EngineId, patience: Duration.Duration) =>
  Effect.fail(
    new HealthError({
      reason: new QueueWaitTimedOut({
        engine,
        waitedMillis: Duration.toMillis(patience),
        retryAfterMillis: overloadRetryMillis,
      }),
    }),
  )

const make = Effect.gen(function* () {
  const settings = yield* Settings
  const queueWaitMillis = Duration.toMillis(settings.queueWait)
  const { counted, gateOf, standing } = yield* makeGates

  const queueFull = (engine: EngineId, retryAfterMillis: number) =>
    new HealthError({ reason: new QueueFull({ engine, waiting: gateOf(engine).line, retryAfterMillis }) })

  const inLine = <A, E, R>(
    engine: EngineId,
    wait: Effect.Effect<A, E, R>,
    options?: TurnOptions,
  ): Effect.Effect<A, E | HealthError, R> =>
    Effect.suspend((): Effect.Effect<A, E | HealthError, R> =>
      options?.begun !== true && gateOf(engine).line >= settings.queueLength
        ? Effect.fail(queueFull(engine, overloadRetryMillis))
        : standing(engine, wait),
    )

  // Nobody passes those who stand in line.
  const takeIfFree = (engine: EngineId) =>
    Effect.suspend(() => (gateOf(engine).line === 0 ? gateOf(engine).turns.takeIfFree : Effect.succeed(false)))

  // Scoped even under the timeout: a turn that comes as the time runs out is given back with the caller's scope.
  const take = (engine: EngineId, begun: boolean, patience: Duration.Duration) =>
    Effect.timeoutOption(gateOf(engine).turns.take(begun), patience)

  /** Refused now rather than when the wait has run out, where the calls in front are known to take longer than that. */
  const notInVain = (engine: EngineId) =>
    Effect.suspend(() => {
      const { callMillis, concurrency, turns } = gateOf(engine)
      const excess = (turns.waiting() * callMillis) / concurrency - queueWaitMillis
      if (excess <= 0) return Effect.void
      return Effect.fail(queueFull(engine, Math.min(longestRetryMillis, Math.max(overloadRetryMillis, excess))))
    })

  const turn = Effect.fnUntraced(function* (engine: EngineId, options?: TurnOptions) {
    const begun = options?.begun === true
    const patience = begun ? begunWait(gateOf(engine).kind, settings) : settings.queueWait
    const free = yield* takeIfFree(engine)
    if (!free) {
      if (!begun) yield* notInVain(engine)
      const came = yield* inLine(engine, take(engine, begun, patience), options)
      if (Option.isNone(came)) return yield* timedOut(engine, patience)
    }
    yield* counted(engine)
  })

  const service: Turnstile = {
    turn,
    probeTurn: Effect.fnUntraced(function* (engine) {
      const came = yield* standing(engine, take(engine, false, settings.queueWait))
      if (Option.isNone(came)) return false
      yield* counted(engine)
      return true
    }),
    inLine,
    waiting: (engine) => Effect.sync(() => gateOf(engine).line),
    working: (engine) => Effect.sync(() => gateOf(engine).working),
    ahead: (engine) =>
      Effect.sync(() => {
        const { concurrency, line, working } = gateOf(engine)
        return Math.max(0, line + working - concurrency + 1)
      }),
  }
  return service
})

/** See `Turnstile`. */
export class Admission extends Context.Service<Admission, Turnstile>()("aviary/health/Admission") {
  static readonly layer = Layer.effect(Admission, make)
}
