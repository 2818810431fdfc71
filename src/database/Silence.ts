import { Context, Duration, Effect } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"

/** Longer than any statement of a request may take: the way to the database is gone, though nobody closed it. Tests have less patience. */
export const Silence = Context.Reference<Duration.Duration>("aviary/database/Silence", {
  defaultValue: () => Duration.seconds(15),
})

/**
 * Fails as what is asked on a broken connection does, where it takes longer.
 *
 * @param times what `Silence` says: what takes long by itself has more
 */
export const heard = <A, E, R>(asked: Effect.Effect<A, E, R>, times = 1) =>
  Effect.flatMap(Silence, (silence) =>
    Effect.timeoutOrElse(asked, { duration: Duration.times(silence, times), orElse: () => Effect.fail(saysNothing()) }),
  )

export const saysNothing = () => {
  const message = "it says nothing"
  return new SqlError({ reason: new ConnectionError({ cause: new Error(message), message, operation: "query" }) })
}
