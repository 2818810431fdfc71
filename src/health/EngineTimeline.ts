import { Clock, Context, Effect, Layer, Stream } from "effect"
import type { EngineId } from "./EngineId.ts"
import { EngineStates } from "./EngineStates.ts"
import { type EngineRecord } from "./EngineReport.ts"
import { Fleet } from "./Fleet.ts"
import type { TimelineEvent } from "./TimelineEvent.ts"

const dayMillis = 86_400_000

/** Events kept of each engine: a day of probes every five minutes is 288; one that flaps has more. */
const mostEvents = 1_000

/** Longer details are cut: an engine's words are its own. */
const longestDetail = 200

/** What is known of one engine's last day. */
interface Timeline {
  readonly since: number
  readonly now: number
  readonly events: ReadonlyArray<TimelineEvent>
  readonly recoveries: ReadonlyArray<{ readonly at: number; readonly millis: number }>
}

/** Those of `list` that come after what was there before: histories grow at their ends, and lose their beginnings. */
const added = <A>(before: ReadonlyArray<A>, list: ReadonlyArray<A>): ReadonlyArray<A> =>
  list.slice(before.length === 0 ? 0 : list.lastIndexOf(before.at(-1)!) + 1)

const eventsOf = (before: EngineRecord | undefined, after: EngineRecord): ReadonlyArray<TimelineEvent> => {
  const cut = (text: string) => text.slice(0, longestDetail)
  const changes = added(before?.changes ?? [], after.changes).map(({ at, from, reason, to }): TimelineEvent => ({
    at,
    kind: "state",
    from,
    to,
    detail: cut(reason),
  }))
  const probes = added(before?.probes ?? [], after.probes).map(({ at, detail, durationMillis, outcome }) => ({
    at,
    kind: "probe" as const,
    outcome,
    durationMillis,
    detail: cut(detail),
  }))
  const restarts = added(before?.restarts ?? [], after.restarts).map(
    ({ at, detail, durationMillis, outcome, reason }) => ({
      at,
      kind: "restart" as const,
      outcome,
      durationMillis,
      detail: cut(detail === "" ? reason : `${reason}: ${detail}`),
    }),
  )
  return [...changes, ...probes, ...restarts]
}

/** Adds at the end and drops from the beginning what is older than a day, or too much. */
const keep = <A extends { readonly at: number }>(kept: Array<A>, more: ReadonlyArray<A>, now: number): void => {
  kept.push(...more)
  kept.sort((a, b) => a.at - b.at)
  const fresh = kept.findIndex(({ at }) => at > now - dayMillis)
  kept.splice(0, Math.max(fresh === -1 ? kept.length : fresh, kept.length - mostEvents))
}

const make = Effect.gen(function* () {
  const { members } = yield* Fleet
  const states = yield* EngineStates
  const since = yield* Clock.currentTimeMillis
  const kept = new Map(
    members.map(({ id }) => [
      id,
      { events: [] as Array<TimelineEvent>, recoveries: [] as Array<{ at: number; millis: number }> },
    ]),
  )

  const follow = (engine: EngineId) => {
    let before: EngineRecord | undefined
    return Stream.runForEach(states.changes(engine), (after) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const { events, recoveries } = kept.get(engine)!
        keep(events, eventsOf(before, after), now)
        const { lastRecoveryMillis: millis } = after
        if (before !== undefined && millis !== undefined && millis !== before.lastRecoveryMillis) {
          keep(recoveries, [{ at: after.since, millis }], now)
        }
        before = after
      }),
    )
  }
  for (const { id } of members) yield* Effect.forkScoped(follow(id))

  return {
    of: (engine: EngineId) =>
      Effect.map(Clock.currentTimeMillis, (now): Timeline => {
        const { events, recoveries } = kept.get(engine)!
        keep(events, [], now)
        keep(recoveries, [], now)
        return { since, now, events: [...events], recoveries: [...recoveries] }
      }),
  }
})

/** The last day of every engine, in a memory that does not grow beyond it. */
export class EngineTimeline extends Context.Service<
  EngineTimeline,
  { readonly of: (engine: EngineId) => Effect.Effect<Timeline> }
>()("aviary/health/EngineTimeline") {
  static readonly layer = Layer.effect(EngineTimeline, make)
}
