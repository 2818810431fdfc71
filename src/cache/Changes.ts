import { Effect } from "effect"

/**
 * Lets fibers wait for a state that others change.
 *
 * - `happened`: something has changed
 * - `until`: waits until `ready`, which is asked now and after every change; asking and waiting are one step, so no change is missed
 */
export const makeChanges = () => {
  let waiting = new Set<() => void>()
  return {
    happened: (): void => {
      const woken = waiting
      waiting = new Set()
      for (const resume of woken) resume()
    },
    until: (ready: () => boolean): Effect.Effect<void> =>
      Effect.callback<void>((resume) => {
        const ask = () => (ready() ? resume(Effect.void) : void waiting.add(ask))
        ask()
        return Effect.sync(() => void waiting.delete(ask))
      }),
  }
}

/**
 * Waits for the next turn of Node's loop. At the end of this one Node writes to sockets what they were given in it: so listeners have what was made
 * before it is hashed for its entry, which is 1 µs a KiB. To yield is not enough: fibers that take turns do so in one turn of the loop.
 */
export const nextTurn = Effect.callback<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})
