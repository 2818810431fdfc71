import { Cause, Context, Effect, Exit, Fiber, Metric, Option, Scope, Stream } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import { traced } from "../telemetry/Spans.ts"
import type { AtomicCache } from "./AtomicCache.ts"
import { CacheError, FlightStopped } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { EntryWriter } from "./Entry.ts"
import type { Description } from "./EntryFormat.ts"
import type { Made } from "./Sharing.ts"
import { makeTape, type Tape } from "./Tape.ts"
import type { Trouble } from "./Trouble.ts"

/**
 * What to fly, if nobody else is flying it.
 *
 * @property mode `use` what is there; `refresh` makes the entry anew, following whoever is just making it; `bypass` flies alone and leaves nothing behind
 * @property produce the encoded audio; interrupting it ends the engine's work. Its chunks are shared and may not be altered later
 * @property urgency of whoever wants it, 0 the most urgent; whoever joins later and is in more of a hurry raises it
 * @property foresee bytes that the whole plausibly has, when so many are made; whatever it says, it is taken for at least those
 * @property describe the verdict on what `produce` made, run once it has ended: a failure fails the flight, a success commits it. `length` in bytes
 * @property head what the entry begins with instead, now that its length is known; exactly as long as what it replaces. Undefined: it stays as it was
 */
export interface FlightPlan<E> {
  readonly key: CacheKey
  readonly mode: "use" | "refresh" | "bypass"
  readonly produce: Stream.Stream<Uint8Array, E>
  readonly urgency?: { readonly rank: () => number; readonly raise: (rank: number) => void }
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
  readonly run: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  readonly left: Effect.Effect<void>
}

type Outcome = "committed" | "uncached" | "found"

const stopped = Exit.fail(new CacheError({ reason: new FlightStopped() }))

/** A cause without interruptions, which a listener would take for its own. */
const asListenersSeeIt = <E>(exit: Exit.Exit<unknown, E>): Exit.Exit<void, E | CacheError> => {
  if (Exit.isSuccess(exit)) return Exit.void
  const reasons = exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
  return reasons.length === 0 ? stopped : Exit.failCause(Cause.fromReasons(reasons))
}

/** All of a tape, from its beginning, for each who runs it. */
const bytesOf = <E>(tape: Tape<E>) =>
  Stream.fromPull(
    Effect.sync(() => {
      let at = 0
      return Effect.map(
        Effect.suspend(() => tape.next(at)),
        (chunks) => {
          for (const bytes of chunks) at += bytes.length
          return chunks
        },
      )
    }),
  )

/**
 * Up to so many bytes, which a flight has in memory anyway, nothing of it is written before all is there, and then at once. A speech of seven
 * seconds at 22 kHz is within it. Tests put their own in its place.
 */
export const KeptBytes = Context.Reference<number>("aviary/cache/KeptBytes", { defaultValue: () => 327_680 })

/**
 * What a flight leaves in the cache. Trouble with the disk fails neither: the listeners have the audio, and that is what they
 * came for.
 *
 * - `take`: puts what was made on the tape, and has the tape moved to a file once it is longer than `keptBytes`
 * - `keep`: makes an entry of the file, once all is moved, or of the tape
 */
const makeKeeping = <E>(
  plan: FlightPlan<E>,
  options: {
    readonly cache: AtomicCache["Service"]
    readonly trouble: Trouble
    readonly tape: Tape<E>
    /** The file can be read as long as this is open. */
    readonly scope: Scope.Scope
    readonly made: () => boolean
    readonly keptBytes: number
  },
) => {
  const { cache, keptBytes, made, scope, tape, trouble } = options
  let spooler: Fiber.Fiber<Option.Option<EntryWriter>> | undefined

  const spool = cache.write(plan.key).pipe(
    Scope.provide(scope),
    Effect.flatMap((writer) => Effect.as(tape.spool(writer, made), Option.some(writer))),
    Effect.catch((error) =>
      trouble
        .report("write entries", error)
        .pipe(Effect.andThen(tape.giveUpDisk), Effect.as(Option.none<EntryWriter>())),
    ),
  )

  const startSpooling = Effect.suspend(() =>
    spooler !== undefined
      ? Effect.void
      : Effect.map(Effect.forkIn(spool, scope, { startImmediately: true }), (fiber) => void (spooler = fiber)),
  )

  const take = (chunks: ReadonlyArray<Uint8Array>) => {
    tape.append(chunks)
    return tape.length > keptBytes ? Effect.andThen(startSpooling, tape.room) : Effect.void
  }

  const keep = Effect.fnUntraced(function* (
    description: Description,
    head: Uint8Array | undefined,
  ): Effect.fn.Return<"committed" | "uncached"> {
    let commit = cache.put(plan.key, tape.window(), description, head)
    if (spooler !== undefined) {
      yield* tape.wake
      const writer = yield* Fiber.join(spooler)
      if (Option.isNone(writer)) return "uncached"
      commit = writer.value.commit(description, head)
    }
    if (plan.mode === "bypass" || !cache.enabled) return "uncached"
    return yield* Effect.matchEffect(commit, {
      onSuccess: () => Effect.as(trouble.over("write entries"), "committed" as const),
      onFailure: (error) => Effect.as(trouble.report("write entries", error), "uncached" as const),
    })
  })

  return { take, keep }
}

export const makeFlight = <E>(
  plan: FlightPlan<E>,
  options: {
    readonly cache: AtomicCache["Service"]
    readonly trouble: Trouble
    readonly insisted: boolean
    /** See `KeptBytes`. */
    readonly keptBytes: number
    /** Bytes it may hold in memory when the disk takes no more. */
    readonly memoryBytes: number
    /** Takes the flight off the list; called before any listener learns that it ended. */
    readonly onEnd: (flight: Flight<E>) => void
  },
): Flight<E> => {
  const { cache } = options
  const tape = makeTape<E>(options.memoryBytes)
  const scope = Scope.makeUnsafe()
  let found = false
  let made: Made = { durationMs: 0, head: undefined }

  const keeping = makeKeeping(plan, { ...options, tape, scope, made: () => flight.stage !== "making" })

  const fly = Effect.gen(function* (): Effect.fn.Return<Outcome, E | CacheError> {
    // Of what others committed since the last look at the disk nothing is known here; then it is made twice.
    if (!flight.insisted && cache.knows(plan.key)) {
      const seen = yield* Effect.scoped(cache.get(plan.key))
      found = Option.isSome(seen) && !flight.insisted
      if (found) return "found"
    }
    flight.stage = "making"
    yield* Stream.runForEachArray(plan.produce, keeping.take)
    const description = yield* plan.describe({ length: tape.length })
    // From here on nothing is left to free on the engine's side: what was made is kept, even if nobody listens any more.
    flight.stage = "keeping"
    made = { durationMs: description.durationMs, head: plan.head?.({ length: tape.length }) }
    return yield* traced("Flight.commit")(keeping.keep(description, made.head))
  })

  const end = Effect.fnUntraced(function* (exit: Exit.Exit<Outcome, E | CacheError>) {
    const abandoned = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    const outcome = Exit.isSuccess(exit) ? exit.value : abandoned ? "abandoned" : "failed"
    flight.stage = "ended"
    options.onEnd(flight)
    yield* tape.close(asListenersSeeIt(exit))
    yield* Metric.update(Metrics.seriesOf(Metrics.flightsEnded, { outcome }), 1)
    if (Exit.isFailure(exit) || flight.seats === 0) yield* Scope.close(scope, Exit.void)
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
    total: () => {
      const made = tape.length
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
