import { type Duration, Effect } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"

/** Longer than any statement may take: the way to the database is gone, though nobody closed it. */
export const silence = "15 seconds"

/** Fails as what is asked on a broken connection does, where it takes longer than `limit`. */
export const heard = <A, E, R>(asked: Effect.Effect<A, E, R>, limit: Duration.Input = silence) =>
  Effect.timeoutOrElse(asked, { duration: limit, orElse: () => Effect.fail(saysNothing()) })

const saysNothing = () => {
  const message = "it says nothing"
  return new SqlError({ reason: new ConnectionError({ cause: new Error(message), message, operation: "query" }) })
}
