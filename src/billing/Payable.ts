import { Cause, Effect, Exit, Scope, Stream } from "effect"

/**
 * An answer that is there, or coming, and not charged yet. Its scope is the client's.
 *
 * @property bytes all of it; ends only when all of it was there
 * @property length of all of `bytes` together, where it is known
 * @property settle charges all of it; to be run once, in the last moment before the client has everything
 * @property delivered tells how much of it the client was handed: all, which it is told after `settle` only, or so many bytes of it
 *   when the client left. The last word counts. Not told where it was broken off by anybody else
 */
export interface Payable<E> {
  readonly bytes: Stream.Stream<Uint8Array, E>
  readonly length: number | undefined
  readonly settle: Effect.Effect<void, E>
  readonly delivered: (handed: "all" | number) => Effect.Effect<void>
}

/** How `paid` learns of the world outside. */
interface Surroundings {
  /** Waits until nothing of what was given is held back any more. */
  readonly handedOver?: Effect.Effect<void>
  /** Whether it is the client that ended it. */
  readonly isLeaving?: (cause: Cause.Cause<unknown>) => boolean
}

/**
 * The bytes of `answer`, charged before the client has everything: before the last byte where the length was declared, since it is
 * that byte that tells a client that it has all, and otherwise before the end. Whatever ends the process before that leaves a client
 * that was charged with all the others already on their way.
 *
 * An interruption is a client that leaves, unless `isLeaving` says otherwise: it pays for what was given so far.
 */
export const paid = <E>(
  { bytes, length, settle, delivered }: Payable<E>,
  { handedOver = Effect.void, isLeaving = Cause.hasInterruptsOnly }: Surroundings = {},
): Stream.Stream<Uint8Array, E> =>
  // One stage: each costs every piece as much again. Its effects are made once for all pieces.
  Stream.transformPull(bytes, (pull, scope) => {
    let given = 0
    let isCharged = false
    let last: Uint8Array | undefined
    const charged = Effect.andThen(handedOver, settle)
    const more = Effect.matchEffect(pull, {
      onSuccess: (chunks) => {
        for (const chunk of chunks) given += chunk.length
        if (length === undefined || given < length) return Effect.succeed(chunks)
        given -= 1
        const final = chunks[chunks.length - 1]!
        last = final.subarray(-1)
        return Effect.succeed([...chunks.slice(0, -1), final.subarray(0, -1)] as unknown as typeof chunks)
      },
      onFailure: (error) => {
        if (length !== undefined || isCharged || !Cause.isDone(error)) return Effect.fail(error)
        isCharged = true
        return Effect.andThen(charged, Effect.fail(error))
      },
    })
    const giveLast = Effect.suspend(() =>
      Effect.map(charged, () => {
        const kept = last!
        given += kept.length
        last = undefined
        return [kept] as const
      }),
    )
    const told = Scope.addFinalizerExit(scope, (exit) =>
      Exit.isSuccess(exit) ? delivered("all") : isLeaving(exit.cause) ? delivered(given) : Effect.void,
    )
    return Effect.as(told, length === undefined ? more : Effect.suspend(() => (last === undefined ? more : giveLast)))
  })
