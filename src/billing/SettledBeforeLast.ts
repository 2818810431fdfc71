import { Effect, Stream } from "effect"

/**
 * `bytes` with their last one held back until `settle` has succeeded: with a `content-length` it is the last byte, not
 * the end of the stream, that tells a client that it has everything. Whatever ends the process before that byte leaves
 * a client that was charged with all the others already on their way.
 *
 * @param length of all `bytes` together
 */
export const settledBeforeLast = <E, E2>(
  bytes: Stream.Stream<Uint8Array, E>,
  length: number,
  settle: Effect.Effect<unknown, E2>,
): Stream.Stream<Uint8Array, E | E2> =>
  Stream.suspend(() => {
    let passed = 0
    return Stream.flatMap(bytes, (chunk) => {
      passed += chunk.length
      if (passed < length) return Stream.succeed(chunk)
      return Stream.make(chunk.subarray(0, -1)).pipe(
        Stream.concat(Stream.fromEffect(Effect.as(settle, chunk.subarray(-1)))),
      )
    })
  })
