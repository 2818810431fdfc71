import { Clock, Context, Effect, Layer, Metric, type Scope, Stream, SubscriptionRef } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { Fleet } from "./Fleet.ts"
import type { EngineRecord, ProbeReport, RestartReport, Settling } from "./EngineReport.ts"
import { type EngineEvent, type EngineState, isAsleep, next, refusesRequests } from "./EngineState.ts"

/** Something that happened to an engine, as another gateway tells it. */
export interface News {
  readonly engine: EngineId
  readonly event: EngineEvent
  readonly reason: string
}

/**
 * Who of several gateways looks after an engine. Where there is one, it does.
 *
 * - `examine`: `look`, unless another gateway is at it: then what that one finds, which `adopt` is given. At most one gateway looks.
 * - `heal`: `healing`, unless another gateway is at it. Interrupted where the turn was lost: its gateway stood still.
 * - `tell`: all other gateways learn of it. Returns at once.
 * - `hear`: what others tell, and what is known of each engine when one begins, or may have missed something.
 * - `requested`: runs `look` where another gateway wants to know of an engine that this one looks after.
 * - `abandoned`: runs `takeOver` for engines that nobody looks after, now and then.
 */
interface Service {
  readonly examine: (
    engine: EngineId,
    look: Effect.Effect<ProbeReport>,
    adopt: (report: ProbeReport) => Effect.Effect<void>,
  ) => Effect.Effect<ProbeReport>
  readonly heal: (engine: EngineId, healing: Effect.Effect<void>) => Effect.Effect<void>
  readonly tell: (news: News) => Effect.Effect<void>
  readonly hear: (learn: (news: News) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
  readonly requested: (look: (engine: EngineId) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
  readonly abandoned: (takeOver: (engine: EngineId) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
}

/** See `Service`. */
export const Rounds = Context.Reference<Service>("aviary/health/Rounds", {
  defaultValue: () => ({
    examine: (_, look) => look,
    heal: (_, healing) => healing,
    tell: () => Effect.void,
    hear: () => Effect.void,
    requested: () => Effect.void,
    abandoned: () => Effect.void,
  }),
})

/** How many changes, probes and restarts are kept of each engine, newest last. */
const historyLength = 50

/**
 * The state of every engine; every change is logged once.
 *
 * - `apply`: what an event makes of an engine's state; gives the record after it.
 * - `settle`: from when on what the engine shows is about the process after a restart; without `settling`, from now on.
 * - `until`: waits for a state that satisfies `wanted`.
 * - `changes`: the record as it is, and whenever it becomes another.
 * - `peek`: the record at this moment.
 * - `listen`: calls `listener` after every change of any engine's state, at once. It must not throw.
 */
interface States {
  readonly get: (engine: EngineId) => Effect.Effect<EngineRecord>
  readonly apply: (engine: EngineId, event: EngineEvent, reason: string) => Effect.Effect<EngineRecord>
  readonly settle: (engine: EngineId, settling?: Settling) => Effect.Effect<void>
  readonly addProbe: (report: ProbeReport) => Effect.Effect<void>
  readonly addRestart: (report: RestartReport) => Effect.Effect<void>
  readonly until: (engine: EngineId, wanted: (state: EngineState) => boolean) => Effect.Effect<EngineState>
  readonly changes: (engine: EngineId) => Stream.Stream<EngineRecord>
  readonly peek: (engine: EngineId) => EngineRecord
  readonly listen: (listener: (engine: EngineId) => void) => void
}

const make = Effect.gen(function* () {
  const { members } = yield* Fleet
  const now = yield* Clock.currentTimeMillis
  const records = new Map<EngineId, SubscriptionRef.SubscriptionRef<EngineRecord>>()
  for (const { id, standsIn } of members) {
    const reason =
      standsIn === true ? "inside, for when no other engine can answer; not loaded before" : "not probed yet"
    records.set(id, yield* SubscriptionRef.make(begin(id, now, reason)))
  }
  const of = (engine: EngineId) => records.get(engine)!
  const listeners: Array<(engine: EngineId) => void> = []

  const rounds = yield* Rounds

  const learn = Effect.fnUntraced(function* (engine: EngineId, event: EngineEvent, reason: string) {
    const at = yield* Clock.currentTimeMillis
    const [before, after] = yield* SubscriptionRef.modify(of(engine), (record) => {
      const changed = change(record, next(record.state, event), reason, at)
      return [[record, changed] as const, changed]
    })
    if (before.state !== after.state) {
      for (const listener of listeners) listener(engine)
      yield* report(before, after)
      yield* Metric.update(Metric.withAttributes(Metrics.engineChanges, { engine, state: after.state }), 1)
    }
    return { after, isNews: before.state !== after.state }
  })

  yield* rounds.hear(({ engine, event, reason }) =>
    records.has(engine) ? Effect.asVoid(learn(engine, event, reason)) : Effect.void,
  )

  const service: States = {
    get: (engine) => SubscriptionRef.get(of(engine)),
    apply: Effect.fnUntraced(function* (engine, event, reason) {
      const { after, isNews } = yield* learn(engine, event, reason)
      if (isNews) yield* rounds.tell({ engine, event, reason })
      return after
    }),
    settle: (engine, settling) => SubscriptionRef.update(of(engine), (record) => ({ ...record, settling })),
    addProbe: (one) =>
      SubscriptionRef.update(of(one.engine), (record) => ({ ...record, probes: kept(record.probes, one) })),
    addRestart: (one) =>
      SubscriptionRef.update(of(one.engine), (record) => ({ ...record, restarts: kept(record.restarts, one) })),
    until: (engine, wanted) =>
      SubscriptionRef.changes(of(engine)).pipe(
        Stream.filter((record) => wanted(record.state)),
        Stream.take(1),
        Stream.runCollect,
        Effect.map((records) => records[0]!.state),
      ),
    changes: (engine) => SubscriptionRef.changes(of(engine)),
    peek: (engine) => SubscriptionRef.getUnsafe(of(engine)),
    listen: (listener) => void listeners.push(listener),
  }
  return service
})

/** See `States`. */
export class EngineStates extends Context.Service<EngineStates, States>()("aviary/health/EngineStates") {
  static readonly layer = Layer.effect(EngineStates, make)
}

const begin = (engine: EngineId, now: number, reason: string): EngineRecord => ({
  engine,
  state: "unknown",
  reason,
  since: now,
  life: 0,
  era: 0,
  settling: undefined,
  troubledSince: undefined,
  lastRecoveryMillis: undefined,
  startingSince: undefined,
  lastStartMillis: undefined,
  changes: [],
  probes: [],
  restarts: [],
})

function change(record: EngineRecord, to: EngineState, reason: string, at: number): EngineRecord {
  if (to === record.state) return record
  const healed = to === "healthy"
  const starting = to === "starting" ? at : record.startingSince
  // Whom nobody needs is not in trouble.
  const isFine = healed || isAsleep(to) || (starting !== undefined && to === "recovering")
  return {
    ...record,
    state: to,
    reason,
    since: at,
    life: healed ? record.life + 1 : record.life,
    era: to === "restarting" || record.state === "restarting" ? record.era + 1 : record.era,
    troubledSince: isFine ? undefined : (record.troubledSince ?? at),
    lastRecoveryMillis:
      refusesRequests(record.state) && healed && record.troubledSince !== undefined
        ? at - record.troubledSince
        : record.lastRecoveryMillis,
    startingSince: healed || to === "down" || to === "stopped" ? undefined : starting,
    lastStartMillis: healed && starting !== undefined ? at - starting : record.lastStartMillis,
    changes: kept(record.changes, { at, from: record.state, to, reason }),
  }
}

const kept = <A>(list: ReadonlyArray<A>, one: A): ReadonlyArray<A> => [...list.slice(1 - historyLength), one]

const report = (before: EngineRecord, after: EngineRecord) => {
  const line = `${engineName(after.engine)} is ${after.state} (was ${before.state}): ${after.reason}`
  const write =
    after.state === "healthy" || after.state === "recovering" || isAsleep(after.state)
      ? Effect.logInfo(line)
      : after.state === "exhausted"
        ? Effect.logError(line)
        : Effect.logWarning(line)
  return write.pipe(
    Effect.annotateLogs({
      engine: after.engine,
      state: after.state,
      ...(after.lastRecoveryMillis !== before.lastRecoveryMillis && { recoveryMillis: after.lastRecoveryMillis }),
    }),
  )
}
