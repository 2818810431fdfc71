import { Effect } from "effect"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { type EngineId, isStandIn } from "./EngineId.ts"
import { type EngineState, isUsable } from "./EngineState.ts"
import { type EngineRecord, EngineStates } from "./EngineStates.ts"
import { Fleet } from "./Fleet.ts"

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
