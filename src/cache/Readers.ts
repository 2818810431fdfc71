import { Effect } from "effect"
import type { CacheKey } from "./CacheKey.ts"

/**
 * Which entries are being read.
 *
 * - `add`: counts a reader at once; what it returns counts it off again
 */
export const makeReaders = () => {
  const readers = new Map<CacheKey, number>()
  return {
    has: (key: CacheKey): boolean => readers.has(key),
    add: (key: CacheKey): Effect.Effect<void> => {
      readers.set(key, (readers.get(key) ?? 0) + 1)
      return Effect.sync(() => {
        const left = (readers.get(key) ?? 1) - 1
        if (left === 0) readers.delete(key)
        else readers.set(key, left)
      })
    },
  }
}
