import { type Effect, PlatformError } from "effect"
import { walkAway } from "./WalkAway.ts"

/** For one call to the disk. */
const patienceMillis = 30_000

/** A call to the disk, which may never answer. It runs to its end whoever stops waiting. */
export const patiently = <A>(method: string, call: Effect.Effect<A, PlatformError.PlatformError>) =>
  walkAway(call, patienceMillis, () =>
    PlatformError.systemError({
      _tag: "TimedOut",
      module: "ScratchFolder",
      method,
      description: `no answer for ${patienceMillis} ms`,
      cause: { code: "TIMEOUT" },
    }),
  )

export const isGone = (error: PlatformError.PlatformError) => error.reason._tag === "NotFound"
