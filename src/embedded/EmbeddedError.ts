import { Schema } from "effect"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import type { WorkerLost } from "../workers/WorkerPool.ts"
import type { WorkFailed } from "./WorkFailed.ts"

/** Nothing in the text has a sound in English. */
export class NothingToSay extends Schema.TaggedError<NothingToSay>()("NothingToSay", {}) {}

/** No voice of that name; `available` are those there are. */
export class NoSuchVoice extends Schema.TaggedError<NoSuchVoice>()("NoSuchVoice", {
  voice: Schema.String,
  available: Schema.Array(Schema.String),
}) {}

/** The engine knows English only. */
export class EnglishOnly extends Schema.TaggedError<EnglishOnly>()("EnglishOnly", { language: Schema.String }) {}

/** The thread that did the work is gone, or could not be started. */
class ThreadLost extends Schema.TaggedError<ThreadLost>()("ThreadLost", { message: Schema.String }) {}

/** The work took longer than its limit. */
export class TookTooLong extends Schema.TaggedError<TookTooLong>()("TookTooLong", { afterMillis: Schema.Finite }) {}

/** The engine's own code failed at this input. */
export class EngineBroke extends Schema.TaggedError<EngineBroke>()("EngineBroke", { message: Schema.String }) {}

/** Why an engine inside the gateway did not do its work. */
export class EmbeddedError extends Schema.TaggedError<EmbeddedError>()("EmbeddedError", {
  reason: Schema.Union([NothingToSay, NoSuchVoice, EnglishOnly, ThreadLost, TookTooLong, EngineBroke]),
}) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

/** Why a thread or process of ours did not do its work. */
export const embeddedError = ({ _tag, message }: WorkFailed | WorkerLost): EmbeddedError =>
  new EmbeddedError({ reason: _tag === "WorkFailed" ? new EngineBroke({ message }) : new ThreadLost({ message }) })
