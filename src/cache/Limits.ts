import { Clock, Effect, Semaphore } from "effect"
import type { CacheError } from "./CacheError.ts"
import type { Removing } from "./Removing.ts"
import type { Reserve } from "./Reserve.ts"
import type { Stock } from "./Stock.ts"
import type { Trouble } from "./Trouble.ts"

/**
 * Keeps the cache within its bytes, its age and what the disk has to spare. Runs once at a time; whoever comes meanwhile goes on.
 *
 * - `trim`: back within the bytes allowed and out of the disk's reserve, longest unused first; what is being read stays for now.
 *   `full`: a write has failed for lack of room
 * - `expire`: removes what is too old. An entry that was not opened in this life is at least as old as its last use
 * - `whenFull`: a disk that is full is made less so, for whoever writes next
 */
export type Limits = Effect.Success<ReturnType<typeof makeLimits>>

export const makeLimits = Effect.fnUntraced(function* (
  { recency, readers, gauge }: Stock,
  { evict }: Removing,
  options: {
    readonly reserve: Reserve
    readonly trouble: Trouble
    readonly maxBytes: number
    readonly maxAgeMillis: number
  },
) {
  const { reserve, trouble, maxBytes, maxAgeMillis } = options
  const scope = yield* Effect.scope
  const trimming = yield* Semaphore.make(1)

  const oneAtATime = (task: Effect.Effect<void, CacheError>) =>
    task.pipe(
      Effect.andThen(gauge),
      Effect.catch((error) => trouble.report("remove entries", error)),
      trimming.withPermitsIfAvailable(1),
    )

  const trim = (full = false) =>
    oneAtATime(
      Effect.gen(function* () {
        let lacking = yield* reserve.lacking(full)
        let gone = 0
        for (const key of recency.oldest()) {
          const over = recency.bytes > maxBytes
          // What was removed is counted down; the disk is asked again before that is believed.
          if (!over && lacking <= 0 && (gone === 0 || (lacking = yield* reserve.lacking(full)) <= 0)) break
          if (readers.has(key)) continue
          lacking -= recency.get(key)?.size ?? 0
          if (!over) gone += 1
          yield* evict(key, over ? "bytes" : "room")
        }
        yield* reserve.gaveWay(gone)
      }),
    )

  const expire = oneAtATime(
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      let looked = 0
      for (const key of recency.keys()) {
        const one = recency.get(key)
        if (one !== undefined && now - (one.created ?? one.used) > maxAgeMillis) yield* evict(key, "age")
        if (++looked % 10_000 === 0) yield* Effect.yieldNow
      }
    }),
  )

  const whenFull = <A, R>(writing: Effect.Effect<A, CacheError, R>) =>
    Effect.tapError(writing, (error) => (error.isFull ? Effect.forkIn(trim(true), scope) : Effect.void))

  return { trim, expire, whenFull }
})
