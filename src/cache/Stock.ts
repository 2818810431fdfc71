import { Effect, Metric } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { EntryFiles } from "./EntryFiles.ts"
import { makeMemoryTier } from "./MemoryTier.ts"
import { makeReaders } from "./Readers.ts"
import { makeRecency } from "./Recency.ts"

/**
 * The entries and what is known about them in this life of the cache.
 *
 * - `memory`: those that are also in memory
 * - `recency`: those on disk, by their last use
 * - `readers`: those that are being read
 * - `verified`: those whose checksum was found right, by the identity of the file it was computed over
 * - `life`: what became of entries since the start
 * - `forget`: knows nothing of an entry any longer; its file stays as it is
 * - `gauge`: tells the metrics how much there is
 */
export type Stock = ReturnType<typeof makeStock>

export const makeStock = (files: EntryFiles, memoryBytes: number) => {
  const memory = makeMemoryTier(memoryBytes)
  const recency = makeRecency()
  const verified = new Map<CacheKey, string>()
  return {
    files,
    memory,
    recency,
    readers: makeReaders(),
    verified,
    life: { broken: 0, evicted: 0, scanned: false },
    forget: (key: CacheKey): void => {
      recency.forget(key)
      memory.forget(key)
      verified.delete(key)
    },
    gauge: Effect.suspend(() =>
      Effect.all([
        Metric.update(Metrics.cacheBytes, recency.bytes),
        Metric.update(Metrics.cacheEntries, recency.count),
        Metric.update(Metrics.cacheMemoryBytes, memory.bytes),
      ]),
    ),
  }
}
