import { Context, Effect } from "effect"
import type { Caller } from "../../billing/Access.ts"

/** Who the request at hand is from; set by `KeyAccess`. */
export const CurrentCaller = Context.Reference<Caller | undefined>("aviary/http/CurrentCaller", {
  defaultValue: () => undefined,
})

/** Dies where a route was not put behind `KeyAccess`: better no answer than a free one. */
export const currentCaller: Effect.Effect<Caller> = Effect.flatMap(CurrentCaller, (caller) =>
  caller === undefined ? Effect.die(new Error("the route is not behind KeyAccess")) : Effect.succeed(caller),
)
