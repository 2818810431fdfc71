import type { CacheKey } from "./CacheKey.ts"

/** Uses within one of these count as equally long ago when entries are found on disk; milliseconds. */
const grain = 3_600_000

/** What is known about an entry without opening it; times in milliseconds since 1970. */
export interface Known {
  readonly size: number
  readonly used: number
  readonly created: number | undefined
}

/**
 * Which entries are on disk, how big, and in which order they were used. Ordered by the hour and, within it, by
 * insertion, so that nothing here ever sorts: a directory of a million entries costs no pause.
 */
export const makeRecency = () => {
  const known = new Map<CacheKey, Known>()
  const hours = new Map<number, Set<CacheKey>>()
  let bytes = 0

  const hourOf = (one: Known) => Math.floor(one.used / grain)

  const forget = (key: CacheKey): boolean => {
    const one = known.get(key)
    if (one === undefined) return false
    known.delete(key)
    bytes -= one.size
    const hour = hours.get(hourOf(one))
    hour?.delete(key)
    if (hour?.size === 0) hours.delete(hourOf(one))
    return true
  }

  return {
    get bytes() {
      return bytes
    },
    get count() {
      return known.size
    },
    get: (key: CacheKey) => known.get(key),
    keys: () => known.keys(),
    /** Puts `key` last: used just now, or at the time given. */
    put: (key: CacheKey, one: Known): void => {
      forget(key)
      known.set(key, one)
      bytes += one.size
      const hour = hours.get(hourOf(one))
      if (hour === undefined) hours.set(hourOf(one), new Set([key]))
      else hour.add(key)
    },
    forget,
    /** Longest unused first. Entries may be put and forgotten while this is walked; those put meanwhile may be met again. */
    *oldest(): Generator<CacheKey> {
      for (const hour of [...hours.keys()].toSorted((a, b) => a - b)) yield* hours.get(hour) ?? []
    },
  }
}
