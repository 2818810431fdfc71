import { Clock, Context, Duration, Effect, Exit, Layer, Metric, Option, Scope } from "effect"
import { type Urgency, usualPriority } from "../billing/Priority.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { type EngineId, engineKind, isStandIn } from "./EngineId.ts"
import { type EngineState, isUsable } from "./EngineState.ts"
import { type EngineRecord } from "./EngineReport.ts"
import { EngineStates } from "./EngineStates.ts"
import { Fleet } from "./Fleet.ts"
import { HealthError, isWaking, makeRefusal, QueueFull, QueueWaitTimedOut } from "./HealthError.ts"
import { type Gate, type Lane, type Line, makeGate, makeLine, type Place } from "./Line.ts"
import { makePace } from "./Pace.ts"

/** How soon an engine in a state is likely to answer: the least first. Where nobody takes requests, this says who is waited for. */
const likelihood: { readonly [S in EngineState]: number } = {
  healthy: 0,
  unknown: 0,
  suspect: 1,
  down: 2,
  recovering: 3,
  starting: 4,
  stopped: 5,
  restarting: 6,
  wedged: 7,
  exhausted: 8,
}

/**
 * Whom a call may go to.
 *
 * @property among the engines that can do it; absent: any of its kind
 * @property tried those that have been asked already
 * @property standIn to what stands in for them, and to none of them
 */
export interface Choice {
  readonly among?: ReadonlySet<EngineId> | undefined
  readonly tried?: ReadonlySet<EngineId> | undefined
  readonly standIn?: boolean | undefined
}

/**
 * What a call has to expect.
 *
 * - `busy`: an engine takes it when its turn comes
 * - `suspect`: none does now, a probe will soon say whether one may
 * - `out`: none does, and only a start, a restart or a recovery changes that
 *
 * @property record of the likeliest to answer
 */
export interface Outlook {
  readonly is: "busy" | "suspect" | "out"
  readonly record: EngineRecord
}

/**
 * Who may serve a call now, by the states of the engines.
 *
 * - `could`: whether an engine is one of those that a call may go to, in whatever state.
 * - `maySend`: whether a call may go to an engine now. To one that is down only where no other can be expected to answer: the
 *   first to work is the news.
 * - `outlook`: what a call has to expect. Where all that could do it were tried, what is to be expected of those.
 * - `asleep`: an engine that could serve it and is stopped.
 * - `hasOther`: whether an engine that was not tried is believed to answer.
 * - `allDown`: one of those that could serve it, where nobody listens at any of them.
 */
export const makeOutlook = Effect.gen(function* () {
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const stateOf = (engine: EngineId) => states.peek(engine).state

  const could =
    ({ among, standIn = false, tried }: Choice) =>
    (engine: EngineId) =>
      isStandIn(engine) === standIn && among?.has(engine) !== false && tried?.has(engine) !== true

  const eligible = (kind: EngineKind, { among, standIn, tried }: Choice) => {
    const able = fleet
      .group(kind, standIn)
      .map(({ id }) => id)
      .filter(could({ among, standIn }))
    const untried = able.filter(could({ standIn, tried }))
    return untried.length > 0 ? untried : able
  }

  const maySend = (kind: EngineKind, choice: Choice) => (engine: EngineId) => {
    if (!could(choice)(engine)) return false
    const state = stateOf(engine)
    if (state !== "down") return isUsable(state)
    return !eligible(kind, choice).some((other) => isUsable(stateOf(other)) || stateOf(other) === "suspect")
  }

  const outlook = (kind: EngineKind, choice: Choice): Outlook => {
    const records = eligible(kind, choice).map((engine) => states.peek(engine))
    const record = records.reduce((best, one) => (likelihood[one.state] < likelihood[best.state] ? one : best))
    const { state } = record
    return { is: state === "suspect" ? "suspect" : isUsable(state) || state === "down" ? "busy" : "out", record }
  }

  const hasOther = (kind: EngineKind, choice: Choice) =>
    fleet.group(kind, choice.standIn).some(({ id }) => could(choice)(id) && isUsable(stateOf(id)))

  const asleep = (kind: EngineKind, choice: Choice) =>
    fleet.of(kind).find(({ id }) => could(choice)(id) && stateOf(id) === "stopped")?.id

  const allDown = (kind: EngineKind, choice: Choice) => {
    const able = eligible(kind, choice)
    return able.every((engine) => stateOf(engine) === "down") ? able[0] : undefined
  }

  return { allDown, asleep, could, maySend, outlook, hasOther }
})

/**
 * What a call needs of an engine.
 *
 * @property begun part of an answer that its client already receives: it goes first, and the line's length does not turn it away
 * @property urgency of whoever asks, which may rise while it waits; absent: the usual one
 * @property holdMillis how long it waits for an engine that recovers; for one that starts it waits in any case
 */
export interface TurnOptions extends Choice {
  readonly begun?: boolean | undefined
  readonly urgency?: Urgency | undefined
  readonly holdMillis?: number | undefined
}

/**
 * Whose turn it is: so many calls at once for each engine, and one line of bounded length and wait before all of a kind.
 *
 * - `turn`: at whichever engine that takes requests is free first; held until the scope closes. Where none takes requests, it waits
 *   for a verdict always, for a start as long as settings say, for a recovery for `holdMillis`; then fails with `EngineWedged` or `EngineStarting`. Fails with
 *   `QueueFull`, also where the line is so slow that the wait would run out, or with `QueueWaitTimedOut`.
 * - `probeTurn`: at this engine, whatever its state; not turned away by the line's length. False when its turn did not come.
 * - `waiting`, `working`: how many wait that the engine could serve, and how many have a turn at it.
 * - `idleMillis`: how long nobody has had a turn at it for a request.
 * - `closeIdle`: gives no more turns at an engine that nobody had or wanted one of for so long; false where somebody did.
 * - `open`: gives them again.
 */
interface Turnstile {
  readonly turn: (kind: EngineKind, options?: TurnOptions) => Effect.Effect<EngineId, HealthError, Scope.Scope>
  readonly probeTurn: (engine: EngineId) => Effect.Effect<boolean, never, Scope.Scope>
  readonly waiting: (engine: EngineId) => Effect.Effect<number>
  readonly working: (engine: EngineId) => Effect.Effect<number>
  readonly idleMillis: (engine: EngineId) => Effect.Effect<number>
  readonly closeIdle: (engine: EngineId, idleMillis: number) => Effect.Effect<boolean>
  readonly open: (engine: EngineId) => Effect.Effect<void>
}

/** What a failed call is made again with stands in front: it has waited before. */
const laneOf = ({ begun, tried, urgency }: TurnOptions): Lane =>
  begun === true ? "begun" : tried !== undefined && tried.size > 0 ? "first" : (urgency?.now() ?? usualPriority)

/** The gates of all engines, one line for each kind, and when each engine was needed last. */
const makeLines = Effect.gen(function* () {
  const { members } = yield* Fleet
  const states = yield* EngineStates
  const pace = yield* makePace
  const from = yield* elapsedMillis
  const gates = new Map(members.map(({ concurrency, id }) => [id, makeGate(id, concurrency)]))
  const neededAt = new Map(members.map(({ id }) => [id, from]))
  const gateOf = (engine: EngineId) => gates.get(engine)!
  const makeLineOf = (kind: EngineKind, standIn: boolean) =>
    makeLine(Array.from(gates.values()).filter(({ id }) => engineKind(id) === kind && isStandIn(id) === standIn))
  // Who waits for a stand-in is in nobody's way at the engines themselves.
  const linesOf = (kind: EngineKind) => ({ own: makeLineOf(kind, false), standIn: makeLineOf(kind, true) })
  const lines: Record<EngineKind, ReturnType<typeof linesOf>> = {
    magpie: linesOf("magpie"),
    parakeet: linesOf("parakeet"),
  }
  const lineFor = (kind: EngineKind, { standIn }: Choice): Line => lines[kind][standIn === true ? "standIn" : "own"]
  const lineOf = (engine: EngineId) => lineFor(engineKind(engine), { standIn: isStandIn(engine) })
  states.listen((engine) => lineOf(engine).stir())

  /** A place in line with what it waits for; the turn that came is held until the scope closes. */
  const hold = <E>(line: Line, wish: Place["wish"], wait: (place: Place) => Effect.Effect<void, E>, counts: boolean) =>
    Effect.uninterruptibleMask((restore) => held(line, wish, (place) => restore(wait(place)), counts))

  const held = Effect.fnUntraced(function* <E>(
    line: Line,
    wish: Place["wish"],
    wait: (place: Place) => Effect.Effect<void, E>,
    counts: boolean,
  ) {
    const place = line.join(wish)
    // A turn that comes as the time runs out, or as whoever waits for it leaves, is given back.
    const waited = Effect.onError(wait(place), () => Effect.sync(() => line.leave(place)))
    let gate: Gate | undefined
    while (gate === undefined) {
      if (place.given === undefined) yield* waited
      gate = line.take(place)
    }
    const { id } = gate
    const since = yield* elapsedMillis
    yield* Scope.addFinalizerExit(yield* Effect.scope, (exit) =>
      Effect.map(elapsedMillis, (now) => {
        if (counts && Exit.isSuccess(exit)) pace.answered(id, now - since)
        if (counts) neededAt.set(id, now)
        line.release(gateOf(id))
      }),
    )
    return id
  })

  return { lineFor, lineOf, pace, hold, neededAt, gateOf }
})

/** Until the turn of `place` came, or there is reason for another look; at most so long, which `false` says. */
const news = (place: Place, millis: number) =>
  Effect.callback<void>((resume) => {
    // By a name of its own: V8 makes a function that is assigned to a property old, with the request that it refers to.
    const wake = () => resume(Effect.void)
    place.wake = wake
    if (place.given !== undefined || place.stirred) wake()
    return Effect.sync(() => void (place.wake = undefined))
  }).pipe(
    Effect.timeoutOption(Math.max(0, millis)),
    Effect.map((came) => Option.isSome(came) || place.given !== undefined),
  )

/** How long a call waits for what, in milliseconds. */
const makePatience = (settings: Settings["Service"], live: LiveSettings["Service"]) => {
  const call = (kind: EngineKind) => Duration.toMillis(settings[`${kind}Timeout`])
  // A probe tries twice, with a pause between.
  const verdict = 2 * Duration.toMillis(settings.probeTimeout) + 2_000
  return (kind: EngineKind, { begun, holdMillis = 0 }: TurnOptions) => {
    const queueWait = Duration.toMillis(live.now().queueWait)
    const waits: Record<Outlook["is"], number> = {
      // Only speeches that began before it are in front of what has begun, no more of them than turns, so two calls that take all
      // the time they have are the worst.
      busy: begun === true ? queueWait + 2 * call(kind) : queueWait,
      suspect: verdict,
      out: holdMillis,
    }
    const start = Duration.toMillis(settings.recoveryWait)
    return { ...waits, start, all: waits.busy + waits.suspect + Math.max(waits.out, start) }
  }
}

/** Who is told that the line is too long or too slow. */
const makeTooLong = Effect.fnUntraced(function* ({ lineFor, pace }: Effect.Success<typeof makeLines>) {
  const live = yield* LiveSettings
  const fleet = yield* Fleet

  const queueFull = (kind: EngineKind, waiting: number, waitMillis: number) =>
    new HealthError({
      reason: new QueueFull({ engine: kind, waiting, retryAfterMillis: pace.retryMillis(waitMillis) }),
    })

  // Itself does not count. Who waits with a lower priority takes no room from it.
  const before = (kind: EngineKind, options: TurnOptions, lane: Lane) => {
    const ahead = lineFor(kind, options).ahead(lane) - 1
    return { ahead, waitMillis: pace.waitMillis(kind, ahead, options.standIn) }
  }

  return {
    /** Refused now rather than when the wait has run out: where the line is as long as it may be, or known to be too slow. */
    turnedAway: (kind: EngineKind, options: TurnOptions, lane: Lane, is: Outlook["is"]) => {
      if (lane === "begun" || lane === "first") return undefined
      const { queueLength, queueWait } = live.now()
      const { ahead, waitMillis } = before(kind, options, lane)
      if (ahead >= queueLength * fleet.group(kind, options.standIn).length) return queueFull(kind, ahead, waitMillis)
      const excess = waitMillis - Duration.toMillis(queueWait)
      return is === "busy" && excess > 0 ? queueFull(kind, ahead, excess) : undefined
    },
    timedOut: (kind: EngineKind, options: TurnOptions, lane: Lane, waitedMillis: number) => {
      const retryAfterMillis = pace.retryMillis(before(kind, options, lane).waitMillis)
      return new HealthError({ reason: new QueueWaitTimedOut({ engine: kind, waitedMillis, retryAfterMillis }) })
    },
  }
})

const makeTurn = Effect.fnUntraced(function* (made: Effect.Success<typeof makeLines>) {
  const { hold, lineFor } = made
  const settings = yield* Settings
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const { asleep, could, maySend, outlook } = yield* makeOutlook
  const { timedOut, turnedAway } = yield* makeTooLong(made)
  const refusal = makeRefusal(settings)
  const patienceOf = makePatience(settings, yield* LiveSettings)

  /** Whether more wait than can be served next, so that an engine that is stopped is needed too. */
  const isCrowded = (kind: EngineKind, options: TurnOptions) => {
    const usable = fleet.group(kind, options.standIn).filter(({ id }) => isUsable(states.peek(id).state))
    return lineFor(kind, options).waiting() > usable.reduce((sum, { concurrency }) => sum + concurrency, 0)
  }

  const refuse = (kind: EngineKind, options: TurnOptions) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(refusal(outlook(kind, options).record, now)))

  const wait = (kind: EngineKind, options: TurnOptions) =>
    Effect.fnUntraced(function* (place: Place) {
      if (place.given !== undefined) return
      const patience = patienceOf(kind, options)
      const began = yield* elapsedMillis
      let seen: Outlook["is"] | undefined
      let until = began
      while (place.given === undefined) {
        place.stirred = false
        const { is, record: likeliest } = outlook(kind, options)
        const sleeper = is === "out" || isCrowded(kind, options) ? asleep(kind, options) : undefined
        const woken =
          sleeper === undefined ? undefined : yield* states.apply(sleeper, "needed", "a request came for it")
        const record = is === "out" ? (woken ?? likeliest) : likeliest
        const now = yield* elapsedMillis
        const isNew = seen === undefined
        const least = isWaking(record) ? Math.max(patience.out, patience.start) : 0
        if (is !== seen) until = Math.min(now + Math.max(patience[is], least), began + patience.all)
        seen = is
        if (is === "out" && (until <= now || record.state === "exhausted")) return yield* refuse(kind, options)
        const away = isNew ? turnedAway(kind, options, place.wish.lane, is) : undefined
        if (away !== undefined) return yield* away
        if (yield* news(place, until - now)) continue
        return yield* is === "busy" ? timedOut(kind, options, place.wish.lane, patience.busy) : refuse(kind, options)
      }
    })

  /** The same, further in front as soon as somebody more urgent waits for it too. */
  const waitRising = (kind: EngineKind, options: TurnOptions) => (place: Place) =>
    Effect.suspend(() => {
      const { urgency } = options
      if (place.given !== undefined || urgency === undefined) return wait(kind, options)(place)
      const forget = urgency.onRise(() => lineFor(kind, options).raise(place, laneOf(options)))
      return Effect.ensuring(wait(kind, options)(place), Effect.sync(forget))
    })

  return (kind: EngineKind, options: TurnOptions = {}) => {
    const wish = { lane: laneOf(options), could: could(options), may: maySend(kind, options) }
    return Effect.tapError(hold(lineFor(kind, options), wish, waitRising(kind, options), true), ({ reason }) =>
      Metric.update(
        Metric.withAttributes(Metrics.engineRefusals, {
          engine: outlook(kind, options).record.engine,
          reason: reason._tag,
        }),
        1,
      ),
    )
  }
})

const make = Effect.gen(function* () {
  const live = yield* LiveSettings
  const made = yield* makeLines
  const { gateOf, hold, lineOf, neededAt } = made

  const service: Turnstile = {
    turn: yield* makeTurn(made),
    probeTurn: (engine) => {
      const isIt = (one: EngineId) => one === engine
      const wait = Effect.fnUntraced(function* (place: Place) {
        const until = (yield* elapsedMillis) + Duration.toMillis(live.now().queueWait)
        while (place.given === undefined) {
          place.stirred = false
          if (!(yield* news(place, until - (yield* elapsedMillis)))) return yield* Effect.fail("late" as const)
        }
      })
      return Effect.isSuccess(hold(lineOf(engine), { lane: "first", could: isIt, may: isIt }, wait, false))
    },
    waiting: (engine) => Effect.sync(() => lineOf(engine).waiting(engine)),
    working: (engine) => Effect.sync(() => gateOf(engine).working),
    idleMillis: (engine) => Effect.map(elapsedMillis, (now) => now - neededAt.get(engine)!),
    closeIdle: (engine, idleMillis) =>
      Effect.map(elapsedMillis, (now) => {
        const gate = gateOf(engine)
        const isWanted = gate.working > 0 || lineOf(engine).waiting(engine) > 0
        if (isWanted || now - neededAt.get(engine)! < idleMillis) return false
        gate.closed = true
        return true
      }),
    open: (engine) =>
      Effect.map(elapsedMillis, (now) => {
        gateOf(engine).closed = false
        neededAt.set(engine, now)
        lineOf(engine).stir()
      }),
  }
  return service
})

/** See `Turnstile`. */
export class Admission extends Context.Service<Admission, Turnstile>()("aviary/health/Admission") {
  static readonly layer = Layer.effect(Admission, make)
}
