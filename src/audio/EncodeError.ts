import { Schema } from "effect"
import { reasonWords } from "../telemetry/ReasonWords.ts"

/** The thread that encoded a speech broke down or did not answer, or there is none. It is replaced; what it was at is lost. */
export class EncoderLost extends Schema.TaggedError<EncoderLost>()("EncoderLost", { message: Schema.String }) {}

/** Why a speech could not be encoded. */
export class EncodeError extends Schema.TaggedError<EncodeError>()("EncodeError", { reason: EncoderLost }) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}
