import { Schema } from "effect"

/**
 * Whose requests wait for an engine in front of whose: `live` is somebody who listens, such as a voice assistant; `bulk` is work that
 * nobody waits for. What is in front never stops what is behind for good.
 */
export const Priority = Schema.Literals(["live", "normal", "bulk"]).annotate({
  message: 'expected "live" | "normal" | "bulk"',
})
export type Priority = typeof Priority.Type

/** Of a key that says nothing else, and of a request without a key. */
export const usualPriority: Priority = "normal"

/** From the one that goes first to the one that goes last. */
export const priorities = ["live", "normal", "bulk"] as const satisfies ReadonlyArray<Priority>

/**
 * The priority of work that several may come to wait for: that of the most urgent of them.
 *
 * - `now`: as it is.
 * - `rank`: its place among all, 0 the most urgent.
 * - `raise`: to another's rank, if that is more urgent.
 * - `onRise`: calls `listener` whenever it was raised, until the function that it gives is called.
 */
export interface Urgency {
  readonly now: () => Priority
  readonly rank: () => number
  readonly raise: (rank: number) => void
  readonly onRise: (listener: () => void) => () => void
}

export const makeUrgency = (of: Priority = usualPriority): Urgency => {
  const listeners = new Set<() => void>()
  let rank = priorities.indexOf(of)
  return {
    now: () => priorities[rank]!,
    rank: () => rank,
    raise: (to) => {
      if (to >= rank) return
      rank = to
      for (const listener of listeners) listener()
    },
    onRise: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
