import { Effect, Metric } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { Stock } from "./Stock.ts"
import type { Trouble } from "./Trouble.ts"

/**
 * Every way an entry goes.
 *
 * - `evict`: for the sake of a limit
 * - `discard`: it is not what was committed
 * - `unread`: what to do about an entry that could not be read: nothing there, broken, or trouble with the disk
 * - `remove`, `purge`: somebody asked for it
 */
export type Removing = ReturnType<typeof makeRemoving>

export const makeRemoving = ({ files, memory, life, forget, lose, gauge }: Stock, trouble: Trouble) => {
  const evict = Effect.fnUntraced(function* (key: CacheKey, reason: "bytes" | "age" | "room") {
    yield* files.remove(key)
    forget(key)
    life.evicted += 1
    yield* Metric.update(Metric.withAttributes(Metrics.cacheEvicted, { reason }), 1)
  })

  const discard = Effect.fnUntraced(function* (key: CacheKey, why: CacheError) {
    life.broken += 1
    forget(key)
    yield* Metric.update(Metrics.cacheBroken, 1)
    yield* Effect.logWarning("A broken cache entry was removed.").pipe(Effect.annotateLogs({ key, detail: why.detail }))
    yield* Effect.catch(files.remove(key), (error) => trouble.report("remove entries", error))
  })

  const unread = (key: CacheKey, error: CacheError) =>
    Effect.suspend(() => {
      if (error.kind === "ENOENT") return Effect.sync(() => lose(key))
      return error.reason._tag === "EntryBroken" ? discard(key, error) : trouble.report("read entries", error)
    })

  const remove = Effect.fn("AtomicCache.remove")(function* (key: CacheKey) {
    const existed = yield* files.remove(key)
    forget(key)
    yield* gauge
    return existed
  })

  const purge = Effect.gen(function* () {
    let removed = 0
    for (const shard of yield* files.shards) {
      for (const key of yield* files.keysIn(shard)) {
        if (yield* files.remove(key)) removed += 1
        forget(key)
      }
    }
    memory.clear()
    yield* gauge
    return removed
  }).pipe(Effect.withSpan("AtomicCache.purge"))

  return { evict, discard, unread, remove, purge }
}
