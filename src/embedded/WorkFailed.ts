import { Effect, Schema } from "effect"

/** What a thread or process of ours was given it could not do: a recording cannot be read, or a model failed at it. */
export class WorkFailed extends Schema.TaggedError<WorkFailed>()("WorkFailed", { message: Schema.String }) {}

/** `work`, failing with what it throws. */
export const attempt = <A>(work: () => A | Promise<A>): Effect.Effect<A, WorkFailed> =>
  Effect.tryPromise({
    try: async () => work(),
    catch: (cause) => new WorkFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
  })
