import { Clock, Effect } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"

/** Milliseconds that the clock was set ahead by since it was last asked, or since this was made; below zero: set back. */
export const makeSetAhead = Effect.gen(function* () {
  const look = Effect.all({ wall: Clock.currentTimeMillis, passed: elapsedMillis })
  let last = yield* look
  return Effect.map(look, (now) => {
    const ahead = now.wall - last.wall - (now.passed - last.passed)
    last = now
    return ahead
  })
})
