import { Context, Duration, Effect, Layer, type Scope, Semaphore } from "effect"
import { Settings } from "../Settings.ts"
import { type Engine, engines } from "./Engine.ts"
import { HealthError, QueueFull, QueueWaitTimedOut } from "./HealthError.ts"

/** `Retry-After` of a full queue: about as long as an engine needs for a few short calls. */
const overloadRetryMillis = 5_000

/**
 * Whose turn it is: so many calls at once per engine, and a line of bounded length and wait before it.
 *
 * - `turn`: held until the scope closes. Fails with `QueueFull` or `QueueWaitTimedOut`.
 * - `probeTurn`: stands in the same line, is not turned away by its length; false when its turn did not come.
 * - `inLine`: runs a wait (for a verdict, for a recovery) that counts as waiting in line.
 * - `waiting`, `working`: how many wait and how many have their turn.
 */
export class Admission extends Context.Service<
  Admission,
  {
    readonly turn: (engine: Engine) => Effect.Effect<void, HealthError, Scope.Scope>
    readonly probeTurn: (engine: Engine) => Effect.Effect<boolean, never, Scope.Scope>
    readonly inLine: <A, E, R>(engine: Engine, wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E | HealthError, R>
    readonly waiting: (engine: Engine) => Effect.Effect<number>
    readonly working: (engine: Engine) => Effect.Effect<number>
  }
>()("aviary/health/Admission") {
  static readonly layer = Layer.effect(Admission, Effect.suspend(make))
}

function make() {
  return Effect.gen(function* () {
    const settings = yield* Settings
    const limits = { magpie: settings.magpieConcurrency, parakeet: settings.parakeetConcurrency }
    const gates = new Map(
      engines.map((engine) => [engine, { turns: Semaphore.makeUnsafe(limits[engine]), line: 0, working: 0 }]),
    )
    const of = (engine: Engine) => gates.get(engine)!

    const counted = (engine: Engine) =>
      Effect.acquireRelease(
        Effect.sync(() => void of(engine).working++),
        () => Effect.sync(() => void of(engine).working--),
      )

    const standing = <A, E, R>(engine: Engine, wait: Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => void of(engine).line++),
        () => wait,
        () => Effect.sync(() => void of(engine).line--),
      )

    const inLine = <A, E, R>(engine: Engine, wait: Effect.Effect<A, E, R>): Effect.Effect<A, E | HealthError, R> =>
      Effect.suspend((): Effect.Effect<A, E | HealthError, R> =>
        of(engine).line >= settings.queueLength
          ? Effect.fail(
              new HealthError({
                reason: new QueueFull({ engine, limit: settings.queueLength, retryAfterMillis: overloadRetryMillis }),
              }),
            )
          : standing(engine, wait),
      )

    // Nobody passes those who stand in line.
    const takeIfFree = (engine: Engine) =>
      Effect.acquireRelease(
        Effect.suspend(() => (of(engine).line === 0 ? of(engine).turns.takeIfAvailable(1) : Effect.succeed(false))),
        (taken) => (taken ? of(engine).turns.release(1) : Effect.void),
      )

    // Scoped even under the timeout: a turn that comes as the time runs out is given back with the caller's scope.
    const take = (engine: Engine) => of(engine).turns.takeScoped(1).pipe(Effect.timeoutOption(settings.queueWait))

    const turn = Effect.fnUntraced(function* (engine: Engine) {
      const free = yield* takeIfFree(engine)
      if (!free) {
        const came = yield* inLine(engine, take(engine))
        if (came._tag === "None") return yield* timedOut(engine)
      }
      yield* counted(engine)
    })

    const timedOut = (engine: Engine) =>
      Effect.fail(
        new HealthError({
          reason: new QueueWaitTimedOut({
            engine,
            waitedMillis: Duration.toMillis(settings.queueWait),
            retryAfterMillis: overloadRetryMillis,
          }),
        }),
      )

    return Admission.of({
      turn,
      probeTurn: Effect.fnUntraced(function* (engine) {
        const came = yield* standing(engine, take(engine))
        if (came._tag === "None") return false
        yield* counted(engine)
        return true
      }),
      inLine,
      waiting: (engine) => Effect.sync(() => of(engine).line),
      working: (engine) => Effect.sync(() => of(engine).working),
    })
  })
}
