import { Duration, Effect, Layer, Result } from "effect"
import { Settings } from "../Settings.ts"
import { Neighbours } from "../scratch/Neighbours.ts"
import { Admission } from "./Admission.ts"
import { DeepHealth } from "./DeepHealth.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { EngineStates } from "./EngineStates.ts"
import { type EngineState, isUsable } from "./EngineState.ts"
import { Fleet, type Member } from "./Fleet.ts"
import type { HealthError } from "./HealthError.ts"
import { Power } from "./Power.ts"

/** First wait before an engine that did not come up may be started again; it doubles up to the probe interval. */
const firstBackoffMillis = 5_000

/** How long the gateway's start waits to see whether an engine runs. */
const patience = "2 seconds"

/** Does what is to be done in the state that an engine is in, until that changes; `failures` counts starts in vain. */
const makeAttend = Effect.gen(function* () {
  const { databaseUrl, probeInterval } = yield* Settings
  const states = yield* EngineStates
  const admission = yield* Admission
  const deepHealth = yield* DeepHealth
  const power = yield* Power
  const neighbours = yield* Neighbours

  const untilOther = (engine: EngineId, than: EngineState) => states.until(engine, (state) => state !== than)

  const stop = Effect.fnUntraced(function* (
    engine: EngineId,
    idleMillis: number,
    how: Effect.Effect<string, HealthError>,
  ) {
    // No turn is given from here on: a request that comes now has it started again.
    yield* states.apply(engine, "stopped", `nobody needed it for ${Duration.format(Duration.millis(idleMillis))}`)
    const result = yield* Effect.result(how)
    if (Result.isFailure(result)) {
      yield* Effect.logError(`${engineName(engine)} was not stopped: ${result.failure.message}`)
      yield* states.apply(engine, "stopFailed", result.failure.message)
    }
    yield* admission.open(engine)
  })

  const start = Effect.fnUntraced(function* (engine: EngineId, how: Effect.Effect<string, HealthError>) {
    const result = yield* Effect.result(how)
    yield* admission.open(engine)
    if (Result.isSuccess(result)) {
      yield* states.apply(engine, "started", result.success)
      return yield* deepHealth.heal(engine)
    }
    yield* Effect.logError(`${engineName(engine)} was not started: ${result.failure.message}`)
    yield* states.apply(engine, "startFailed", result.failure.message)
  })

  return Effect.fnUntraced(function* (engine: EngineId, failures: number) {
    const { idleMillis, ...way } = power.of(engine)!
    const { state } = yield* states.get(engine)
    if (state === "starting") yield* start(engine, way.start)
    else if (state === "down") {
      const backoff = Math.min(firstBackoffMillis * 2 ** Math.min(failures, 20), Duration.toMillis(probeInterval))
      yield* Effect.raceFirst(Effect.sleep(backoff), untilOther(engine, state))
      if ((yield* states.get(engine)).state === "down")
        yield* states.apply(engine, "stopped", "nobody listens there; a request will have it started")
    } else if (!isUsable(state)) yield* untilOther(engine, state)
    // What another gateway has under way there is not known here.
    else if (databaseUrl === undefined && (yield* neighbours.alone) && (yield* admission.closeIdle(engine, idleMillis)))
      yield* stop(engine, idleMillis, way.stop)
    else {
      const left = Math.max(1_000, idleMillis - (yield* admission.idleMillis(engine)))
      yield* Effect.raceFirst(Effect.sleep(left), untilOther(engine, state))
    }
  })
})

/** Stops engines that nobody needs and starts those that somebody does, one fiber for each. */
const make = Effect.gen(function* () {
  const { members } = yield* Fleet
  const states = yield* EngineStates
  const power = yield* Power
  const attend = yield* makeAttend

  const supervise = Effect.fnUntraced(function* ({ client, id }: Member) {
    const isReady = yield* Effect.result(Effect.timeoutOption(client.ready, patience))
    if (Result.isFailure(isReady) && isReady.failure.reason._tag === "EngineUnreachable")
      yield* states.apply(id, "stopped", "nobody listens there yet; a request will have it started")
    let failures = 0
    yield* Effect.gen(function* () {
      yield* attend(id, failures)
      const { state } = yield* states.get(id)
      failures = state === "healthy" ? 0 : state === "down" ? failures + 1 : failures
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.andThen(
          Effect.logError(`attending to ${engineName(id)} broke off`, cause),
          Effect.sleep(firstBackoffMillis),
        ),
      ),
      Effect.forever,
      Effect.forkScoped,
    )
  })

  yield* Effect.forEach(
    members.filter(({ id }) => power.of(id) !== undefined),
    supervise,
    { concurrency: "unbounded", discard: true },
  )
})

/** Runs beside `DeepHealth`: an engine that is not needed all the time is stopped while nobody needs it, and started by the first who does. */
export const layer = Layer.effectDiscard(make)
