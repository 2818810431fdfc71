import { Effect, type Scope } from "effect"

interface Waiter {
  wake: (() => void) | undefined
}

/**
 * A number of turns. Who waits for one gets it in order of arrival, but those that have begun go before those that have
 * not: what a client already hears must not stop because of who comes after it.
 *
 * - `take`: a turn, held until the scope closes. Interruptible while it waits.
 * - `takeIfFree`: a turn if there is one that nobody waits for.
 * - `waiting`: how many wait in `take`.
 */
export interface Turns {
  readonly take: (begun: boolean) => Effect.Effect<void, never, Scope.Scope>
  readonly takeIfFree: Effect.Effect<boolean, never, Scope.Scope>
  readonly waiting: () => number
}

export const makeTurns = (limit: number): Turns => {
  let free = limit
  const begunLine = new Set<Waiter>()
  const newLine = new Set<Waiter>()
  const waiting = () => begunLine.size + newLine.size

  /** Those whose turn it is now. Being woken reserves nothing: a waiter keeps its place until it takes or leaves. */
  const next = (): ReadonlyArray<Waiter> => {
    const first: Array<Waiter> = []
    for (const line of [begunLine, newLine]) {
      for (const waiter of line) {
        if (first.length >= free) return first
        first.push(waiter)
      }
    }
    return first
  }

  const wakeNext = () => {
    for (const waiter of next()) waiter.wake?.()
  }

  const release = Effect.sync(() => {
    free++
    wakeNext()
  })
  const held = Effect.suspend(() => {
    free--
    return Effect.addFinalizer(() => release)
  })

  const take = (begun: boolean) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (free > waiting()) return held
        const line = begun ? begunLine : newLine
        const waiter: Waiter = { wake: undefined }
        line.add(waiter)
        const woken = Effect.callback<void>((resume) => {
          waiter.wake = () => resume(Effect.void)
        })
        const loop: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() => {
          if (!next().includes(waiter)) return Effect.andThen(restore(woken), loop)
          line.delete(waiter)
          return held
        })
        // Whoever leaves may have been woken for nothing: the next one's turn it is.
        const leave = Effect.sync(() => void (line.delete(waiter) && wakeNext()))
        return Effect.onExit(loop, () => leave)
      }),
    )

  return {
    take,
    takeIfFree: Effect.uninterruptible(
      Effect.suspend(() => (free > waiting() ? Effect.as(held, true) : Effect.succeed(false))),
    ),
    waiting,
  }
}
