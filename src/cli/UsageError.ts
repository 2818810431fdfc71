import { Runtime, Schema } from "effect"

/** The command line asks for what cannot be; `message` says what to write instead. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { message: Schema.String }) {
  readonly code = "usage"
  override readonly [Runtime.errorExitCode] = 2
}
