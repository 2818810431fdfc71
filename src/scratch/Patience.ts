import { Effect, Fiber, PlatformError } from "effect"

/**
 * Waits for `call` for so many milliseconds, but lets it run to its end whatever happens to the waiting: a call to the
 * kernel cannot be taken back.
 */
const walkAway = <A, E, E2>(call: Effect.Effect<A, E>, millis: number, tooLate: () => E2): Effect.Effect<A, E | E2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(call, { startImmediately: true, uninterruptible: true }), (fiber) =>
      restore(Effect.timeoutOrElse(Fiber.join(fiber), { duration: millis, orElse: () => Effect.fail(tooLate()) })),
    ),
  )

/** For one call to the disk. */
const patienceMillis = 30_000

/** A call to the disk, which may never answer. It runs to its end whoever stops waiting. */
export const patiently = <A>(method: string, call: Effect.Effect<A, PlatformError.PlatformError>) =>
  walkAway(call, patienceMillis, () =>
    PlatformError.systemError({
      _tag: "TimedOut",
      module: "ScratchFolder",
      method,
      description: `no answer for ${patienceMillis} ms`,
      cause: { code: "TIMEOUT" },
    }),
  )

export const isGone = (error: PlatformError.PlatformError) => error.reason._tag === "NotFound"
