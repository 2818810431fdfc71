import { Schema } from "effect"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { EncodeError } from "../audio/EncodeError.ts"
import type { CacheError } from "../cache/CacheError.ts"
import type { HealthError } from "../health/HealthError.ts"
import type { EngineError } from "../upstream/EngineError.ts"

/** Nothing to say: the text is empty or white space. */
export class BlankText extends Schema.TaggedError<BlankText>()("BlankText", {}) {}

/** `length` and `limit` in code points. */
export class TextTooLong extends Schema.TaggedError<TextTooLong>()("TextTooLong", {
  length: Schema.Int,
  limit: Schema.Int,
}) {}

/** Neither a voice of the engine nor an alias; `available` are base voices. */
export class UnknownVoice extends Schema.TaggedError<UnknownVoice>()("UnknownVoice", {
  voice: Schema.String,
  available: Schema.Array(Schema.String),
}) {}

/** The voice can say none of the text, or less than half of it: it is in a script that its language is not written in. */
export class Unspeakable extends Schema.TaggedError<Unspeakable>()("Unspeakable", {
  voice: Schema.String,
  language: Schema.String,
}) {}

/** The engine ended properly, yet what it made cannot be the whole speech. */
export class Incomplete extends Schema.TaggedError<Incomplete>()("Incomplete", {
  verdict: Schema.Literals(["empty", "too short", "too long"]),
  message: Schema.String,
}) {}

/** Why the speech program itself would not deliver. */
export class SpeechError extends Schema.TaggedError<SpeechError>()("SpeechError", {
  reason: Schema.Union([BlankText, TextTooLong, UnknownVoice, Unspeakable, Incomplete]),
}) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

/** Why a speech was not delivered, by the room that says so. */
export type SpeechFailure = SpeechError | EncodeError | EngineError | CacheError | HealthError | BillingError
