import { Schema } from "effect"

/** The engine did not take the call: refused, reset before an answer, or no such host. */
export class EngineUnreachable extends Schema.TaggedError<EngineUnreachable>()("EngineUnreachable", {
  message: Schema.String,
}) {}

/** One of the clocks of an engine call ran out. */
export class EngineTimedOut extends Schema.TaggedError<EngineTimedOut>()("EngineTimedOut", {
  phase: Schema.Literals(["connect", "first byte", "idle", "total"]),
  afterMillis: Schema.Finite,
}) {}

/** The engine is up but still loading its model (NIM: 503 before `health/ready`). */
export class EngineLoading extends Schema.TaggedError<EngineLoading>()("EngineLoading", {
  message: Schema.String,
}) {}

/** The engine answered with an error status of its own; `message` is its own text, `body` at most 4 KiB of what it sent. */
export class EngineRejected extends Schema.TaggedError<EngineRejected>()("EngineRejected", {
  status: Schema.Int,
  message: Schema.String,
  body: Schema.String,
}) {}

/** The engine answered 200 with something else than what was asked for: HTML, JSON, bad HTTP, half a sample. */
export class EngineMalformed extends Schema.TaggedError<EngineMalformed>()("EngineMalformed", {
  message: Schema.String,
}) {}

/** The engine broke off after it had begun to answer. */
export class EngineCut extends Schema.TaggedError<EngineCut>()("EngineCut", {
  message: Schema.String,
}) {}

/** Everything that can go wrong with one engine call. */
export const EngineFailure = Schema.Union([
  EngineUnreachable,
  EngineTimedOut,
  EngineLoading,
  EngineRejected,
  EngineMalformed,
  EngineCut,
])
export type EngineFailure = typeof EngineFailure.Type

/** A route that the engine does not have. A 404 can also be about what the call names, so it alone proves nothing. */
export const isMissing = (failure: EngineFailure): boolean =>
  failure._tag === "EngineRejected" && [404, 405, 501].includes(failure.status)
