import { Duration } from "effect"
import type { Settings } from "../Settings.ts"
import { engineKind, engineName, type EngineId } from "./EngineId.ts"
import { type EngineState, isAsleep } from "./EngineState.ts"
import type { EngineRecord } from "./EngineStates.ts"
import { EngineStarting, EngineWedged, HealthError } from "./HealthError.ts"

/** The soonest that a client is told to come back for an engine that starts. */
const soonestMillis = 1_000

/** The refusal by an engine in a state that takes no requests, which says when to come back. `now` is Unix time in milliseconds. */
export const makeRefusal =
  ({ retryAfter }: Settings["Service"]) =>
  (record: EngineRecord, now: number) => {
    const { engine, state } = record
    const usual = Duration.toMillis(retryAfter)
    if (isWaking(record)) {
      const { lastStartMillis, startingSince = now } = record
      const left = lastStartMillis === undefined ? usual : lastStartMillis - (now - startingSince)
      return new HealthError({
        reason: new EngineStarting({
          engine,
          message: explainStart(engine, lastStartMillis),
          retryAfterMillis: Math.max(soonestMillis, left),
        }),
      })
    }
    return new HealthError({
      reason: new EngineWedged({
        engine,
        state,
        message: explain(engine, state),
        ...(state !== "exhausted" && { retryAfterMillis: usual }),
      }),
    })
  }

/** Whether an engine that nobody needed is on its way back. */
export const isWaking = ({ startingSince, state }: EngineRecord) =>
  isAsleep(state) || (state === "recovering" && startingSince !== undefined)

/** A client does not choose among several engines, so it is not told which one it was. */
const nameOf = (engine: EngineId) => engineName(engineKind(engine))

/** The same of one that was stopped; `lastStartMillis` where its start has been measured. */
export const explainStart = (engine: EngineId, lastStartMillis: number | undefined) => {
  const took =
    lastStartMillis === undefined
      ? ""
      : `, which took ${Duration.format(Duration.seconds(Math.ceil(lastStartMillis / 1_000)))} the last time`
  return `${nameOf(engine)} was stopped while nobody needed it. It is being started${took}; try again later.`
}

/** What a request is told that an engine in a state that takes none refuses. */
export function explain(engine: EngineId, state: EngineState): string {
  const name = nameOf(engine)
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
