import { Effect, Fiber } from "effect"

/**
 * Waits for `call` for so many milliseconds, but lets it run to its end whatever happens to the waiting: a call to the
 * kernel cannot be taken back.
 */
export const walkAway = <A, E, E2>(
  call: Effect.Effect<A, E>,
  millis: number,
  tooLate: () => E2,
): Effect.Effect<A, E | E2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(call, { startImmediately: true, uninterruptible: true }), (fiber) =>
      restore(Effect.timeoutOrElse(Fiber.join(fiber), { duration: millis, orElse: () => Effect.fail(tooLate()) })),
    ),
  )
