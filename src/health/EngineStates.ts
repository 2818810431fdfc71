import { Clock, Context, Effect, Layer, Metric, Stream, SubscriptionRef } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { Fleet } from "./Fleet.ts"
import type { ProbeReport, RestartReport, StateChange } from "./EngineReport.ts"
import { Rounds } from "./Rounds.ts"
import { type EngineEvent, type EngineState, isAsleep, next, refusesRequests } from "./EngineState.ts"

interface Settling {
  readonly until: number
  readonly wasWedged: boolean
}

/**
 * What is known about one engine now.
 *
 * @property era changes when a restart begins and when it is over: what began in another era is about another process
 * @property settling until when, in `elapsedMillis`, the process from before the last restart may still answer; absent
 *   once the engine was seen gone or not ready. `wasWedged`: whether that process was, so that one that works is another
 * @property life counts how often it became healthy: a call that began in an earlier life says nothing about this one
 * @property since Unix milliseconds of the last change of state
 * @property troubledSince when it last stopped being healthy, in Unix milliseconds; absent while it is
 * @property lastRecoveryMillis from the first sign of the last wedge to the probe that passed
 * @property startingSince when a request came for it that was stopped, in Unix milliseconds; absent once it is healthy
 * @property lastStartMillis from the request that started it the last time to the probe that passed
 */
export interface EngineRecord {
  readonly engine: EngineId
  readonly state: EngineState
  readonly reason: string
  readonly since: number
  readonly life: number
  readonly era: number
  readonly settling: Settling | undefined
  readonly troubledSince: number | undefined
  readonly lastRecoveryMillis: number | undefined
  readonly startingSince: number | undefined
  readonly lastStartMillis: number | undefined
  readonly changes: ReadonlyArray<StateChange>
  readonly probes: ReadonlyArray<ProbeReport>
  readonly restarts: ReadonlyArray<RestartReport>
}

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
