import { Schema } from "effect"
import { EngineFailure } from "../upstream/EngineFailure.ts"

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

/** The configured engine cannot do what was asked, such as another speed than 1. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", {
  param: Schema.String,
  message: Schema.String,
}) {}

/** The engine failed; see `EngineFailure`. */
export class SpeechEngineFailed extends Schema.TaggedError<SpeechEngineFailed>()("SpeechEngineFailed", {
  failure: EngineFailure,
}) {}

/** The engine ended properly, yet what it made cannot be the whole speech. */
export class Incomplete extends Schema.TaggedError<Incomplete>()("Incomplete", {
  verdict: Schema.Literals(["empty", "too short", "too long"]),
  message: Schema.String,
}) {}

/** Why a speech was not delivered. */
export class SpeechError extends Schema.TaggedError<SpeechError>()("SpeechError", {
  reason: Schema.Union([BlankText, TextTooLong, UnknownVoice, Unsupported, SpeechEngineFailed, Incomplete]),
}) {}
