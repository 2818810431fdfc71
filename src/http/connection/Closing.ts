import { Context, Effect } from "effect"

/** Ends when the server begins to close: for answers that would never end by themselves. Without a server of ours it never does. */
export const Closing = Context.Reference<Effect.Effect<void>>("aviary/http/connection/Closing", {
  defaultValue: () => Effect.never,
})
