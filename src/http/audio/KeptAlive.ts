import { type Duration, Effect, Fiber, Option, Stream } from "effect"

/**
 * `stream`, with `sign` in every wait for it that is as long as `every`, so that no proxy between takes the connection for a dead one.
 * Nothing is read ahead of who reads, but for the chunk that was waited for.
 */
export const keptAlive = <A, E, R>(stream: Stream.Stream<A, E, R>, sign: A, every: Duration.Input) =>
  Stream.transformPull(stream, (pull, scope) =>
    Effect.sync(() => {
      const read = Effect.forkIn(pull, scope, { startImmediately: true })
      let reading: Effect.Success<typeof read> | undefined
      return Effect.gen(function* () {
        reading ??= yield* read
        const exit = yield* Effect.timeoutOption(Fiber.await(reading), every)
        if (Option.isNone(exit)) return [sign] as const
        reading = undefined
        return yield* exit.value
      })
    }),
  )
