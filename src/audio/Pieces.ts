import { Cause, Effect, Pull, Stream } from "effect"

/**
 * What `each` makes of the pieces of a stream, possibly nothing, and after them what `end` makes once it has ended well. One stage, where `Stream` has
 * one for each of tapping, mapping, filtering and going on: each of those costs every piece as much again.
 */
export const throughPieces = <A, B, E2, R2>(
  each: (piece: A) => Effect.Effect<B | undefined, E2, R2>,
  end: Effect.Effect<B | undefined, E2, R2>,
) => {
  type More<E, R> = Pull.Pull<readonly [B, ...Array<B>], E | E2, void, R | R2>
  return <E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<B, E | E2, R | R2> =>
    Stream.transformPull(stream, (pull) =>
      Effect.sync(() => {
        let ended = false
        const last = Effect.suspend(() => {
          ended = true
          return Effect.map(end, (made) => [made])
        })
        const some: Effect.Effect<ReadonlyArray<B | undefined>, E | E2, R | R2> = Pull.catchDone(
          Effect.map(pull, (pieces) => pieces as ReadonlyArray<A>),
          () => Effect.succeed(undefined),
        ).pipe(Effect.flatMap((pieces) => (pieces === undefined ? last : Effect.forEach(pieces, each))))
        const more: More<E, R> = Effect.suspend(() => {
          if (ended) return Cause.done()
          return Effect.flatMap(some, (made) => {
            const [first, ...others] = made.filter((one) => one !== undefined)
            return first === undefined ? more : Effect.succeed([first, ...others] as const)
          })
        })
        return more
      }),
    )
}
