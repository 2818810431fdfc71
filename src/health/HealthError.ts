import { Duration, Schema } from "effect"
import type { Settings } from "../Settings.ts"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import { EngineId, engineKind, engineName } from "./EngineId.ts"
import type { EngineRecord } from "./EngineReport.ts"
import { type EngineState, isAsleep } from "./EngineState.ts"

/**
 * The engine can no longer infer, or has not yet shown that it can again. Nothing was sent to it, or what it answered
 * is worthless.
 *
 * @property state the engine's state, a word of `EngineState`
 * @property retryAfterMillis when a further attempt makes sense; absent once no restart is left, so that clients do not pile up
 */
export class EngineWedged extends Schema.TaggedError<EngineWedged>()("EngineWedged", {
  engine: EngineId,
  state: Schema.String,
  message: Schema.String,
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
}) {}

/** Nobody had needed the engine, so it was stopped; this request has it started. Nothing was sent to it. */
class EngineStarting extends Schema.TaggedError<EngineStarting>()("EngineStarting", {
  engine: EngineId,
  message: Schema.String,
  retryAfterMillis: Schema.Finite,
}) {}

/** `waiting` requests already wait for the engine: as many as may, or more than it serves within the wait. */
export class QueueFull extends Schema.TaggedError<QueueFull>()("QueueFull", {
  engine: EngineId,
  waiting: Schema.Int,
  retryAfterMillis: Schema.Finite,
}) {}

/** The engine's turn did not come within `waitedMillis`. */
export class QueueWaitTimedOut extends Schema.TaggedError<QueueWaitTimedOut>()("QueueWaitTimedOut", {
  engine: EngineId,
  waitedMillis: Schema.Finite,
  retryAfterMillis: Schema.Finite,
}) {}

/** The recording was in flight at two wedges; it is refused until `untilMillis` (Unix time). */
export class Quarantined extends Schema.TaggedError<Quarantined>()("Quarantined", {
  content: Schema.String,
  message: Schema.String,
  untilMillis: Schema.Finite,
}) {}

/** A restart of this engine is already under way. */
export class RestartUnderWay extends Schema.TaggedError<RestartUnderWay>()("RestartUnderWay", {
  engine: EngineId,
}) {}

/** The engine has no restart backend: its `AVIARY_…_RESTART` is `none`. */
export class NoBackend extends Schema.TaggedError<NoBackend>()("NoBackend", {
  engine: EngineId,
  message: Schema.String,
}) {}

/** All restarts of the window are spent; the next is possible at `availableAtMillis` (Unix time). */
export class BudgetSpent extends Schema.TaggedError<BudgetSpent>()("BudgetSpent", {
  engine: EngineId,
  limit: Schema.Int,
  windowMillis: Schema.Finite,
  availableAtMillis: Schema.Finite,
}) {}

/** The container does not run, so it has been stopped by somebody, or is starting. It is left alone. */
export class NotRunning extends Schema.TaggedError<NotRunning>()("NotRunning", { message: Schema.String }) {}

/**
 * The backend did not restart the engine.
 *
 * @property attempted whether a restart may nevertheless have happened; if so it counts against the budget
 */
export class RestartFailed extends Schema.TaggedError<RestartFailed>()("RestartFailed", {
  message: Schema.String,
  attempted: Schema.Boolean,
}) {}

/** The restart journal could not be read or written. No restart is done that the next start would not know of. */
export class JournalFailed extends Schema.TaggedError<JournalFailed>()("JournalFailed", { message: Schema.String }) {}

/** Why a request was kept from an engine, or an engine from a restart. */
export class HealthError extends Schema.TaggedError<HealthError>()("HealthError", {
  reason: Schema.Union([
    EngineWedged,
    EngineStarting,
    QueueFull,
    QueueWaitTimedOut,
    Quarantined,
    RestartUnderWay,
    NoBackend,
    BudgetSpent,
    NotRunning,
    RestartFailed,
    JournalFailed,
  ]),
}) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

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
