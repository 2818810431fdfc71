import { Effect } from "effect"
import type { EngineKind } from "../upstream/EngineKind.ts"
import type { EngineId } from "./EngineId.ts"
import { isUsable } from "./EngineState.ts"
import { EngineStates } from "./EngineStates.ts"
import { Fleet } from "./Fleet.ts"

/** `Retry-After` of a line whose pace is not known yet: about as long as an engine needs for a few short calls. */
const usualRetryMillis = 5_000

/** The least and the most that `Retry-After` asks for, whatever was measured. */
const soonestRetryMillis = 1_000
const longestRetryMillis = 60_000

/** How much the newest call counts in the average length of one. */
const newestWeight = 0.2

/**
 * How quickly the line before the engines of a kind moves, from the calls that they have answered.
 *
 * - `answered`: a call of an engine took so long.
 * - `waitMillis`: how long so many calls take that go before one, at what stands in for the engines where that is asked; 0 while no
 *   call has been answered.
 * - `retryMillis`: when to come back to a line in which so many wait, or one that is known to take so long.
 */
export interface Pace {
  readonly answered: (engine: EngineId, millis: number) => void
  readonly waitMillis: (kind: EngineKind, ahead: number, standIn?: boolean) => number
  readonly retryMillis: (waitMillis: number) => number
}

export const makePace = Effect.gen(function* () {
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const callMillis = new Map<EngineId, number>()

  /** Calls per millisecond of those that can be used, of all where none can; one that has answered none yet is as quick as the others. */
  const callsPerMilli = (kind: EngineKind, standIn?: boolean) => {
    const all = fleet.group(kind, standIn)
    const usable = all.filter(({ id }) => isUsable(states.peek(id).state))
    const working = usable.length === 0 ? all : usable
    const known = working.flatMap(({ id }) => callMillis.get(id) ?? [])
    const usual = known.reduce((sum, one) => sum + one, 0) / known.length
    return working.reduce((sum, { concurrency, id }) => sum + concurrency / (callMillis.get(id) ?? usual), 0)
  }

  return {
    answered: (engine, millis) => {
      const before = callMillis.get(engine) ?? millis
      callMillis.set(engine, before + newestWeight * (millis - before))
    },
    waitMillis: (kind, ahead, standIn) => {
      const wait = ahead / callsPerMilli(kind, standIn)
      return Number.isFinite(wait) ? wait : 0
    },
    retryMillis: (waitMillis) =>
      waitMillis === 0 ? usualRetryMillis : Math.min(longestRetryMillis, Math.max(soonestRetryMillis, waitMillis)),
  } satisfies Pace
})
