import { Schema } from "effect"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import { EngineId } from "./EngineId.ts"

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
export class EngineStarting extends Schema.TaggedError<EngineStarting>()("EngineStarting", {
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
