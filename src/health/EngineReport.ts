import { Schema } from "effect"
import { EngineId } from "./EngineId.ts"
import { EngineState } from "./EngineState.ts"
import { unixMillis } from "../telemetry/UnixMillis.ts"

export const StateChange = Schema.Struct({
  at: unixMillis,
  from: EngineState,
  to: EngineState,
  reason: Schema.String,
}).annotate({ identifier: "EngineStateChange" })
export type StateChange = typeof StateChange.Type

/** One probe: real inferences, done to learn whether the engine works. `at` is when it began. */
export const ProbeReport = Schema.Struct({
  engine: EngineId,
  at: unixMillis,
  durationMillis: Schema.Finite,
  outcome: Schema.Literals(["passed", "wedged", "acquitted", "loading", "unreachable"]).annotate({
    description:
      "wedged: it answers but can no longer infer, shown twice or by a sure sign. loading, unreachable: it does not answer. acquitted: the probe could not tell.",
  }),
  attempts: Schema.Int.annotate({ description: "Inferences that were tried." }),
  detail: Schema.String,
}).annotate({ identifier: "EngineProbeReport" })
export type ProbeReport = typeof ProbeReport.Type

/** One restart that was tried. */
export const RestartReport = Schema.Struct({
  engine: EngineId,
  at: unixMillis,
  durationMillis: Schema.Finite,
  backend: Schema.String,
  reason: Schema.String,
  outcome: Schema.Literals(["restarted", "failed"]),
  detail: Schema.String,
}).annotate({ identifier: "EngineRestartReport" })
export type RestartReport = typeof RestartReport.Type

/** What is left of an engine's restarts. */
export const BudgetStatus = Schema.Struct({
  limit: Schema.Int,
  left: Schema.Int,
  windowMillis: Schema.Finite,
  availableAtMillis: Schema.optional(unixMillis).annotate({ description: "Absent while a restart is left." }),
})
export type BudgetStatus = typeof BudgetStatus.Type

/** All that an operator can know of an engine; its histories hold the last 50, newest last. */
export const EngineReport = Schema.Struct({
  engine: EngineId,
  model: Schema.String,
  url: Schema.optional(Schema.String).annotate({ description: "Absent: it is inside this process." }),
  protocol: Schema.optional(Schema.String).annotate({ description: "nim or openai, as far as that is known." }),
  concurrency: Schema.Int.annotate({ description: "Calls that it gets at once." }),
  state: EngineState,
  reason: Schema.String.annotate({ description: "Why it is in this state." }),
  since: unixMillis,
  troubledSince: Schema.optional(unixMillis).annotate({ description: "Absent while it is healthy." }),
  lastRecoveryMillis: Schema.optional(Schema.Finite).annotate({
    description: "From the first sign of its last wedge to the probe that passed.",
  }),
  lastStartMillis: Schema.optional(Schema.Finite).annotate({
    description: "From the request that had it started the last time to the probe that passed.",
  }),
  idleMillis: Schema.optional(Schema.Finite).annotate({
    description: "How long nobody must have needed it before it is stopped. Absent: it never is.",
  }),
  backend: Schema.Literals(["docker", "command", "none", "test"]).annotate({ description: "What restarts it." }),
  budget: BudgetStatus,
  waiting: Schema.Int.annotate({ description: "Requests and probes that wait and that it could serve." }),
  working: Schema.Int.annotate({ description: "Requests and probes it works on." }),
  changes: Schema.Array(StateChange),
  probes: Schema.Array(ProbeReport),
  restarts: Schema.Array(RestartReport),
}).annotate({ identifier: "EngineReport" })
export type EngineReport = typeof EngineReport.Type

/** A recording that was in flight when an engine wedged. */
export const SuspectedRecording = Schema.Struct({
  content: Schema.String.annotate({ description: "SHA-256 of the decoded recording." }),
  strikes: Schema.Int.annotate({ description: "Wedges it was in flight at; refused from the second on." }),
  lastStrikeAt: unixMillis,
  untilMillis: unixMillis,
}).annotate({ identifier: "SuspectedRecording" })
export type SuspectedRecording = typeof SuspectedRecording.Type

export interface Settling {
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
