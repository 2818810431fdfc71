import { Cause, Effect, Result, Stream } from "effect"

/**
 * What `each` makes of the pieces of a stream, possibly nothing, and after them what `end` makes once it has ended well. One stage, where `Stream` has
 * one for each of tapping, mapping, filtering and going on: each of those costs every piece as much again.
 *
 * @param failing what the stream fails with, whether it failed before or a piece does
 */
export const throughPieces =
  <A, B, E, E2>(
    each: (piece: A) => Result.Result<B | undefined, E>,
    end: () => Result.Result<B | undefined, E>,
    failing: (error: E) => E2,
  ) =>
  <R>(stream: Stream.Stream<A, E, R>): Stream.Stream<B, E2, R> =>
    Stream.transformPull(stream, (pull) =>
      Effect.sync(() => {
        let ended = false
        const some = (made: ReadonlyArray<B>): typeof more => {
          const [first, ...others] = made
          return first === undefined ? more : Effect.succeed([first, ...others])
        }
        const next = Effect.matchEffect(pull, {
          onSuccess: (pieces) => {
            const made: Array<B> = []
            for (const piece of pieces) {
              const one = each(piece)
              if (Result.isFailure(one)) return Effect.fail(failing(one.failure))
              if (one.success !== undefined) made.push(one.success)
            }
            return some(made)
          },
          onFailure: (error) => {
            if (!Cause.isDone(error)) return Effect.fail(failing(error))
            ended = true
            const last = end()
            if (Result.isFailure(last)) return Effect.fail(failing(last.failure))
            return last.success === undefined ? Cause.done() : some([last.success])
          },
        })
        const more: Effect.Effect<readonly [B, ...Array<B>], E2 | Cause.Done> = Effect.suspend(() =>
          ended ? Cause.done() : next,
        )
        return more
      }),
    )
