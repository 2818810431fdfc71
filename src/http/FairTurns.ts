import { Effect, Stream } from "effect"
import { ForgetfulSet } from "../collections/Forgetful.ts"

/** What all answers together hand over in one turn of the event loop: less than a millisecond's work. */
const turnBytes = 262_144

/** Until it was handed so many bytes an answer goes before those that were: the start of a speech, and all of a small entry. */
const shortBytes = 262_144

interface Waiting {
  readonly bytes: number
  readonly go: () => void
}

/**
 * Shares the turns of an event loop among answers. A connection takes megabytes as fast as they are read, whether its client
 * reads or not: with a hundred of those each turn would last until all have been served, and a new request takes several turns.
 *
 * A piece waits until this turn has bytes left, in line with the others; the answers that are still short have a line of their
 * own, which goes first, but for one piece a turn. What is not there yet, such as audio that an engine is still making, holds no
 * place.
 *
 * @param nextTurn runs what it is given in the loop's next turn
 */
export const makeFairTurns = (
  nextTurn: (run: () => void) => void,
  { perTurn = turnBytes, short = shortBytes } = {},
) => {
  let left = perTurn
  let turning = false
  const first = new ForgetfulSet<Waiting>()
  const later = new ForgetfulSet<Waiting>()

  const serve = (line: ForgetfulSet<Waiting>) => {
    const next = line.shift()
    if (next === undefined) return
    left -= next.bytes
    next.go()
  }

  const turn = () => {
    left = perTurn
    serve(later)
    while (left > 0 && first.size > 0) serve(first)
    while (left > 0 && later.size > 0) serve(later)
    turning = left < perTurn
    if (turning) nextTurn(turn)
  }

  const take = (bytes: number, had: number): Effect.Effect<void> => {
    if (!turning) {
      turning = true
      nextTurn(turn)
    }
    const isShort = had < short
    if (left > 0 && first.size === 0 && (isShort || later.size === 0)) {
      left -= bytes
      return Effect.void
    }
    const line = isShort ? first : later
    return Effect.callback<void>((resume) => {
      const slot = line.add({ bytes, go: () => resume(Effect.void) })
      return Effect.sync(() => line.delete(slot))
    })
  }

  /** The same bytes, each piece when its turn has come. */
  return <E>(bytes: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
    Stream.transformPull(bytes, (pull) =>
      Effect.sync(() => {
        let had = 0
        return Effect.flatMap(pull, (chunks) => {
          let size = 0
          for (const chunk of chunks) size += chunk.length
          const turn = take(size, had)
          had += size
          return turn === Effect.void ? Effect.succeed(chunks) : Effect.as(turn, chunks)
        })
      }),
    )
}

/** The turns of this process's loop, of which there is one however many servers it has. */
export const inFairTurns = makeFairTurns(setImmediate)
