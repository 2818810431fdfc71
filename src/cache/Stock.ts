import { Effect } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { Completeness } from "./Completeness.ts"
import type { EntryFiles } from "./EntryFiles.ts"
import { makeMemoryTier } from "./MemoryTier.ts"
import { makeRecency } from "./Recency.ts"

/**
 * Which entries are being read.
 *
 * - `add`: counts a reader at once; what it returns counts it off again
 */
const makeReaders = () => {
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

/**
 * The entries and what is known about them in this life of the cache.
 *
 * - `memory`: those that are also in memory
 * - `recency`: those on disk, by their last use; marked with the identity of a file whose checksum was found right, and that checksum
 * - `completeness`: whether there are no others
 * - `readers`: those that are being read
 * - `life`: what became of entries since the start
 * - `forget`: knows nothing of an entry any longer, whose file is removed
 * - `lose`: the same where its file was taken away or replaced by somebody else
 * - `gauge`: tells the metrics how much there is
 */
export type Stock = ReturnType<typeof makeStock>

export const makeStock = (files: EntryFiles, memoryBytes: number, completeness: Completeness) => {
  const memory = makeMemoryTier(memoryBytes)
  const recency = makeRecency()
  const forget = (key: CacheKey): void => {
    recency.forget(key)
    memory.forget(key)
  }
  return {
    files,
    memory,
    recency,
    readers: makeReaders(),
    life: { broken: 0, evicted: 0, scanned: false },
    completeness,
    forget,
    lose: (key: CacheKey): void => {
      forget(key)
      completeness.doubt()
    },
    gauge: Effect.withFiber(({ context }) => {
      Metrics.cacheBytes.updateUnsafe(recency.bytes, context)
      Metrics.cacheEntries.updateUnsafe(recency.count, context)
      Metrics.cacheMemoryBytes.updateUnsafe(memory.bytes, context)
      return Effect.void
    }),
  }
}
