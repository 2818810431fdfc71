import { Clock, Effect, Option } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import { tracedFn } from "../telemetry/Spans.ts"
import type { CacheKey } from "./CacheKey.ts"
import { makeFromDisk } from "./DiskReading.ts"
import { type Entry, entryInMemory } from "./Entry.ts"
import type { Removing } from "./Removing.ts"
import type { Stock } from "./Stock.ts"
import type { Trouble } from "./Trouble.ts"

/** A hot entry is served without a look at its file for this long, in milliseconds: what another gateway purged stays that much longer. */
const hotFor = 10_000

/** An hour: the grain at which a file's time tells other gateways, and the next start, that the entry is in use. */
const touchGrain = 3_600_000

const makeFromMemory = ({ files, memory, forget }: Stock, maxAgeMillis: number) =>
  Effect.fnUntraced(function* (key: CacheKey) {
    const hot = memory.get(key)
    if (hot === undefined) return Option.none<Entry>()
    const now = yield* Clock.currentTimeMillis
    if (now - hot.metadata.created > maxAgeMillis) return Option.none<Entry>()
    const since = yield* elapsedMillis
    if (since - hot.checked > hotFor) {
      const still = yield* files.stat(key).pipe(
        Effect.map((stamp) => stamp.identity === hot.identity),
        Effect.catch((error) => Effect.succeed(error.kind !== "ENOENT")),
      )
      if (!still) {
        forget(key)
        return Option.none<Entry>()
      }
      hot.checked = since
    }
    return Option.some(entryInMemory(hot.metadata, hot.bytes))
  })

/** `AtomicCache.get`: from memory, or else from disk. */
export const makeGet = Effect.fnUntraced(function* (
  stock: Stock,
  removing: Removing,
  options: { readonly trouble: Trouble; readonly enabled: boolean; readonly maxAgeMillis: number },
) {
  const { files, recency } = stock
  const scope = yield* Effect.scope
  const fromMemory = makeFromMemory(stock, options.maxAgeMillis)
  const fromDisk = makeFromDisk(stock, removing, options)

  const used = Effect.fnUntraced(function* (key: CacheKey, size: number, created: number) {
    const now = yield* Clock.currentTimeMillis
    const before = recency.get(key)
    recency.put(key, { size, created, used: now })
    if (before !== undefined && now - before.used < touchGrain) return
    yield* Effect.forkIn(Effect.ignore(files.touch(key, now)), scope)
  })

  const get = Effect.fnUntraced(function* (key: CacheKey) {
    if (!options.enabled) return Option.none<Entry>()
    const hot = yield* fromMemory(key)
    if (Option.isNone(hot) && recency.get(key) === undefined && !(yield* files.exists(key))) return hot
    const found = Option.isSome(hot) ? hot : yield* fromDisk(key)
    if (Option.isNone(found)) return found
    const { length, created } = found.value.metadata
    yield* used(key, recency.get(key)?.size ?? length, created)
    return found
  })
  return tracedFn("AtomicCache.get")(get)
})
