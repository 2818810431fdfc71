import { Cause, Context, Effect, Exit, type Fiber, FiberSet, Latch, Layer, Metric, Option, Scope, Stream } from "effect"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { AtomicCache } from "./AtomicCache.ts"
import { nextTurn } from "./Changes.ts"
import type { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { Entry } from "./Entry.ts"
import { makeKeeping } from "./Keeping.ts"
import { makeTrouble, type Trouble } from "./Trouble.ts"
import { traced } from "../telemetry/Spans.ts"
import type { Description } from "./EntryFormat.ts"
import type { Made } from "./Sharing.ts"
import { asListenersSeeIt, bytesOf, makeTape, type Tape } from "./Tape.ts"
import { ForgetfulMap } from "../collections/Forgetful.ts"

/**
 * What to fly, if nobody else is flying it.
 *
 * @property mode `use` what is there; `refresh` makes the entry anew, following whoever is just making it; `bypass` flies alone and leaves nothing behind
 * @property produce the encoded audio; interrupting it ends the engine's work. Its chunks are shared and may not be altered later
 * @property urgency of whoever wants it, 0 the most urgent; whoever joins later and is in more of a hurry raises it
 * @property whenHeld runs what it is given once whoever asks is sure to pay; absent: it is. Nothing is kept before one who listens is
 * @property foresee bytes that the whole plausibly has, when so many are made; whatever it says, it is taken for at least those
 * @property describe the verdict on what `produce` made, run once it has ended: a failure fails the flight, a success commits it. `length` in bytes
 * @property head what the entry begins with instead, now that its length is known; exactly as long as what it replaces. Undefined: it stays as it was
 */
export interface FlightPlan<E> {
  readonly key: CacheKey
  readonly mode: "use" | "refresh" | "bypass"
  readonly produce: Stream.Stream<Uint8Array, E>
  readonly urgency?: { readonly rank: () => number; readonly raise: (rank: number) => void }
  readonly whenHeld?: ((then: () => void) => void) | undefined
  readonly foresee?: (made: number) => number
  readonly describe: (made: { readonly length: number }) => Effect.Effect<Description, E>
  readonly head?: (made: { readonly length: number }) => Uint8Array | undefined
}

/**
 * One synthesis under way.
 *
 * @property urgency as in its plan
 * @property seats how many listen; whoever takes one counts it in the same step in which the flight was looked up
 * @property stage `looking` for an entry that came just now, `making` the audio, `keeping` what is complete, `ended`
 * @property insisted whether somebody wants it made even if there is an entry; heeded until `looking` is over
 * @property begun `audio` once the first bytes are there, `found` if an entry was
 * @property total bytes of the whole: exact once it is made, foreseen before
 * @property held one who listens is sure to pay
 * @property run the flight itself; whatever becomes of it, it closes the tape and frees what it took
 * @property left to be run after a seat was given back: the last one to leave calls off what is not complete
 */
export interface Flight<E> {
  readonly key: CacheKey
  readonly mode: FlightPlan<E>["mode"]
  readonly urgency: FlightPlan<E>["urgency"] | undefined
  seats: number
  stage: "looking" | "making" | "keeping" | "ended"
  insisted: boolean
  fiber: Fiber.Fiber<void> | undefined
  readonly begun: Effect.Effect<"audio" | "found", E | CacheError>
  readonly bytes: Stream.Stream<Uint8Array, E | CacheError>
  readonly total: () => number
  /** What is known of the whole, once it is complete. */
  readonly made: () => Made
  readonly held: () => void
  readonly run: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  readonly left: Effect.Effect<void>
}

type Outcome = "committed" | "uncached" | "found"

/**
 * Up to so many bytes, which a flight has in memory anyway, nothing of it is written before all is there, and then at once. A speech of seven
 * seconds at 22 kHz is within it. Tests put their own in its place.
 */
export const KeptBytes = Context.Reference<number>("aviary/cache/KeptBytes", { defaultValue: () => 327_680 })

/** Tells the listeners how it ended, and closes what it has open unless somebody still reads it. */
const ended = <E>(
  flight: Flight<E>,
  tape: Tape<E>,
  scope: Scope.Closeable,
  exit: Exit.Exit<Outcome, E | CacheError>,
): Effect.Effect<void> => {
  const abandoned = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
  const outcome = Exit.isSuccess(exit) ? exit.value : abandoned ? "abandoned" : "failed"
  const close = Effect.suspend(() =>
    Exit.isFailure(exit) || flight.seats === 0 ? Scope.close(scope, Exit.void) : Effect.void,
  )
  return tape
    .close(asListenersSeeIt(exit))
    .pipe(Effect.andThen(Metric.update(Metrics.seriesOf(Metrics.flightsEnded, { outcome }), 1)), Effect.andThen(close))
}

interface FlightOptions<E> {
  readonly cache: AtomicCache["Service"]
  readonly trouble: Trouble
  readonly insisted: boolean
  /** See `KeptBytes`. */
  readonly keptBytes: number
  /** Bytes it may hold in memory when the disk takes no more. */
  readonly memoryBytes: number
  /** Takes the flight off the list; called before any listener learns that it ended. */
  readonly onEnd: (flight: Flight<E>) => void
}

/**
 * No generator functions and no getters in here, nor in a tape: V8 gives each that is made a shape of its own as soon as it is used, in old space, and a shape
 * keeps all that its function refers to, which is the flight with its audio, until all of the heap is searched. Those of a service are made once.
 */
const makeFlight = <E>(plan: FlightPlan<E>, options: FlightOptions<E>): Flight<E> => {
  const { cache } = options
  const tape = makeTape<E>(options.memoryBytes)
  const scope = Scope.makeUnsafe()
  const paying = Latch.makeUnsafe()
  let found = false
  let made: Made = { durationMs: 0, head: undefined }

  const keeping = makeKeeping(plan, { ...options, tape, scope, made: () => flight.stage !== "making" })

  // Of what others committed since the last look at the disk nothing is known here; then it is made twice.
  const look = Effect.suspend(() =>
    flight.insisted || !cache.knows(plan.key)
      ? Effect.succeed(false)
      : Effect.map(Effect.scoped(cache.get(plan.key)), (seen) => (found = Option.isSome(seen) && !flight.insisted)),
  )
  const make = Effect.suspend(() => {
    flight.stage = "making"
    return Stream.runForEachArray(plan.produce, keeping.take)
  })
  const keep = Effect.flatMap(
    Effect.suspend(() => plan.describe({ length: tape.length() })),
    (description) => {
      // From here on nothing is left to free on the engine's side: what was made is kept, even if nobody listens any more.
      flight.stage = "keeping"
      made = { durationMs: description.durationMs, head: plan.head?.({ length: tape.length() }) }
      return Effect.andThen(nextTurn, traced("Flight.commit")(keeping.keep(description, made.head)))
    },
  )
  const fly = Effect.flatMap(look, (isThere): Effect.Effect<Outcome, E | CacheError> =>
    isThere ? Effect.succeed("found") : Effect.andThen(make, Effect.andThen(paying.await, keep)),
  )
  const end = (exit: Exit.Exit<Outcome, E | CacheError>) =>
    Effect.suspend(() => {
      flight.stage = "ended"
      options.onEnd(flight)
      return ended(flight, tape, scope, exit)
    })

  const flight: Flight<E> = {
    key: plan.key,
    mode: plan.mode,
    urgency: plan.urgency,
    seats: 0,
    stage: "looking",
    insisted: options.insisted,
    fiber: undefined,
    begun: Effect.andThen(
      tape.begun,
      Effect.suspend(() => Effect.as(tape.failure, found ? ("found" as const) : ("audio" as const))),
    ),
    bytes: bytesOf(tape),
    made: () => made,
    held: () => void paying.openUnsafe(),
    total: () => {
      const made = tape.length()
      const foreseen = flight.stage === "making" ? Math.round(plan.foresee?.(made) ?? 0) : 0
      return Math.max(made, foreseen)
    },
    run: fly.pipe(traced("Flight.fly"), Effect.onExit(end), Effect.ignoreCause),
    stop: Effect.suspend(() => (flight.stage === "ended" ? Effect.void : end(Exit.interrupt()))),
    left: Effect.suspend(() => {
      if (flight.seats > 0 || flight.stage === "keeping") return Effect.void
      if (flight.stage === "ended") return Scope.close(scope, Exit.void)
      return Effect.sync(() => flight.fiber?.interruptUnsafe())
    }),
  }
  return flight
}

/** The entry was there. */
export interface Found {
  readonly _tag: "Found"
  readonly entry: Entry
}

/**
 * The first bytes are there and more will come.
 *
 * @property role `MISS` whoever set the flight off, `COALESCED` whoever joined it, `BYPASS` whoever flies alone
 * @property bytes all of it from the first byte, whenever one joined. A clean end means: complete, and the cache has done with it
 * @property total bytes of the whole, asked for at any time: exact once it is made, foreseen before, never less than there are
 * @property made what is known of the whole once `bytes` has ended
 */
export interface Listening<E> {
  readonly _tag: "Listening"
  readonly role: "MISS" | "COALESCED" | "BYPASS"
  readonly bytes: Stream.Stream<Uint8Array, E | CacheError>
  readonly total: () => number
  readonly made: Flight<E>["made"]
}

/** A flight as another gateway hears it; `made` once `bytes` has ended well. */
export type Followed = Pick<Flight<unknown>, "bytes" | "made" | "total">

/** Also for another gateway's listener: what that pays is found out there. */
const atOnce: NonNullable<FlightPlan<unknown>["whenHeld"]> = (then) => then()

/** How often an entry that is evicted before it can be opened is looked for again, before it is made anew without looking. */
const lookingAgain = 3

/** Counts so many flights and listeners more, or fewer. */
const makeCount = () => {
  let active = 0
  let listeners = 0
  return (flights: number, seats: number) =>
    Effect.withFiber(({ context }) => {
      active += flights
      listeners += seats
      Metrics.flightsActive.updateUnsafe(active, context)
      Metrics.flightListeners.updateUnsafe(listeners, context)
      return Effect.void
    })
}

const makeLookUp = (cache: AtomicCache["Service"]) => (key: CacheKey) =>
  Effect.map(
    cache.get(key),
    Option.map((entry): Found => ({ _tag: "Found", entry })),
  )

/** Takes a seat, and says what another gateway is to hear. */
const listenIn = <R>(
  flight: Flight<unknown> | undefined,
  sit: (flight: Flight<unknown>) => Effect.Effect<unknown, never, R>,
): Effect.Effect<Option.Option<Followed>, never, R> => {
  if (flight === undefined) return Effect.succeedNone
  flight.seats += 1
  const { bytes, made, total } = flight
  return Effect.as(sit(flight), Option.some({ bytes, made, total }))
}

const make = Effect.gen(function* () {
  const cache = yield* AtomicCache
  const { flightMemoryBytes: memoryBytes } = yield* Settings
  const kept = { cache, memoryBytes, keptBytes: yield* KeptBytes, trouble: makeTrouble() }
  const fibers = yield* FiberSet.make<void>()
  const byKey = new ForgetfulMap<CacheKey, Flight<unknown>>()
  const count = makeCount()
  yield* count(0, 0)
  const lookUp = makeLookUp(cache)

  const unlist = (flight: Flight<unknown>) => {
    if (byKey.get(flight.key) === flight) byKey.delete(flight.key)
  }

  /** Registered before anything is waited for, so that later requests for the key find it. */
  const start = Effect.fnUntraced(function* <E>(plan: FlightPlan<E>, insisted: boolean) {
    const flight = makeFlight(plan, { ...kept, insisted, onEnd: unlist })
    if (plan.mode !== "bypass") byKey.set(plan.key, flight)
    flight.seats += 1
    yield* count(1, 0)
    flight.fiber = yield* FiberSet.run(fibers, Effect.ensuring(flight.run, count(-1, 0)))
    // While the gateway shuts down, the set refuses to run anything.
    if (flight.fiber.pollUnsafe() !== undefined) yield* flight.stop
    return flight
  })

  /** Takes a seat, and gives it back once, on the first of failure and the end of the listener's scope. */
  const sit = Effect.fnUntraced(function* <E>(flight: Flight<E>, whenHeld = atOnce) {
    whenHeld(flight.held)
    let seated = true
    const leave = Effect.suspend(() => {
      if (!seated) return Effect.void
      seated = false
      flight.seats -= 1
      // Off the list first: a flight that is being cancelled cannot be joined.
      if (flight.seats === 0 && (flight.stage === "looking" || flight.stage === "making")) unlist(flight)
      return Effect.andThen(flight.left, count(0, -1))
    })
    // Not `Effect.addFinalizer`, which copies what the request carries.
    yield* Scope.addFinalizer(yield* Effect.scope, leave)
    yield* count(0, 1)
    return leave
  })

  const joining = Effect.fnUntraced(function* <E>(
    plan: FlightPlan<E>,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  ): Effect.fn.Return<Found | Listening<E>, E | CacheError, Scope.Scope> {
    const { key, mode } = plan
    const current = byKey.get(key)
    if (mode === "use" && cache.knows(key) && (current === undefined || current.mode === "refresh")) {
      const found = yield* restore(lookUp(key))
      if (Option.isSome(found)) return found.value
    }
    for (let attempt = 0; ; attempt++) {
      const joined = mode === "bypass" ? undefined : (byKey.get(key) as Flight<E> | undefined)
      // A request for a fresh synthesis insists on it, and so does one that was too often sent to an entry already evicted.
      const insist = mode !== "use" || attempt >= lookingAgain
      if (joined !== undefined) {
        joined.seats += 1
        joined.insisted ||= insist
        if (plan.urgency !== undefined) joined.urgency?.raise(plan.urgency.rank())
      }
      const flight = joined ?? (yield* start(plan, insist))
      const leave = yield* sit(flight, plan.whenHeld)
      const begun = yield* Effect.onError(restore(flight.begun), () => leave)
      if (begun === "audio") {
        const role = mode === "bypass" ? "BYPASS" : joined === undefined ? "MISS" : "COALESCED"
        const { bytes, made, total } = flight
        return { _tag: "Listening", role, bytes, made, total } satisfies Listening<E>
      }
      yield* leave
      const found = yield* restore(lookUp(key))
      if (Option.isSome(found)) return found.value
    }
  })

  const join = <E>(plan: FlightPlan<E>) => Effect.uninterruptibleMask((restore) => joining(plan, restore))

  const follow = (key: CacheKey) => Effect.suspend(() => listenIn(byKey.get(key), sit)).pipe(Effect.uninterruptible)

  return Flights.of({ join, follow })
})

/**
 * Speech under way. Each key is made once at a time, however many listen, in a fiber that belongs to none of them.
 *
 * - `join`: waits for the first bytes, so an engine that fails before them is an error here and not in the stream. Leaving
 *   the scope leaves the flight; when the last one leaves, it is called off at once. All who join must share one error type.
 * - `follow`: listens to what is under way, from its beginning, until the scope is closed. Starts nothing.
 */
export class Flights extends Context.Service<
  Flights,
  {
    readonly join: <E>(plan: FlightPlan<E>) => Effect.Effect<Found | Listening<E>, E | CacheError, Scope.Scope>
    readonly follow: (key: CacheKey) => Effect.Effect<Option.Option<Followed>, never, Scope.Scope>
  }
>()("aviary/cache/Flights") {
  static readonly layer = Layer.effect(Flights, make)
}
