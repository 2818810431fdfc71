import { Context, Effect, FiberSet, Layer, Option, Scope, type Stream } from "effect"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { AtomicCache } from "./AtomicCache.ts"
import type { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { Entry } from "./Entry.ts"
import { type Flight, type FlightPlan, KeptBytes, makeFlight } from "./Flight.ts"
import { makeTrouble } from "./Trouble.ts"

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
  const byKey = new Map<CacheKey, Flight<unknown>>()
  const count = makeCount()
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
  const sit = Effect.fnUntraced(function* <E>(flight: Flight<E>) {
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

  const join = <E>(plan: FlightPlan<E>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
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
          const leave = yield* sit(flight)
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
      }),
    )

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
