import { Duration, Effect, Random, Schedule } from "effect"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { whenGone } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import { verify } from "./EntryChecksum.ts"
import type { Limits } from "./Limits.ts"
import type { Removing } from "./Removing.ts"
import type { Reserve } from "./Reserve.ts"
import type { Stock } from "./Stock.ts"
import type { Trouble } from "./Trouble.ts"

/** How often the directory is read for what other gateways did to it. */
const scanInterval = "10 minutes"

/** How often the disk is looked at for what others wrote to it. */
const reserveInterval = "5 seconds"

/**
 * A loss of power may take the names of entries that are younger than this: whole entries, which are made again. What is in them is on the disk before
 * they have their names. A folder that is synced for each of them is a third of what a miss asks of the disk.
 */
const namesInterval = "30 seconds"

/** Every entry's checksum is computed again this often, at no more than this many bytes per second. */
const scrubInterval = "1 day"
const scrubRate = 4_194_304

/** Between two entries, unless they are so many that it would take longer than that: 50 a second are a 25th of a processor. */
const scrubPauseMillis = 200

const makeScanShard = ({ files, recency }: Stock) =>
  Effect.fnUntraced(function* (shard: string) {
    const look = Effect.fnUntraced(function* (key: CacheKey) {
      const { size, modified } = yield* files.stat(key)
      recency.see(key)
      const before = recency.get(key)
      if (before?.size === size && before.used >= modified) return
      recency.put(key, { size, created: before?.created, used: Math.max(modified, before?.used ?? 0) })
    })
    const lookUnlessGone = (key: CacheKey) => whenGone(() => Effect.void)(look(key))
    yield* Effect.forEach(yield* files.keysIn(shard), lookUnlessGone, { concurrency: 4, discard: true })
  })

/** Brings what we know in line with the directory, which other gateways may share. */
const makeScan = (stock: Stock, { expire, trim }: Limits, options: Options) => {
  const { scratch, trouble } = options
  const { completeness, files, recency, life, lose } = stock
  const scanShard = makeScanShard(stock)
  const read = Effect.gen(function* () {
    recency.beginRound()
    for (const shard of yield* files.shards) yield* scanShard(shard)
    let gone = 0
    for (const key of recency.unseen()) {
      lose(key)
      if (++gone % 10_000 === 0) yield* Effect.yieldNow
    }
  })
  return Effect.gen(function* () {
    // Others see by it that entries may come from here, before there is one.
    yield* Effect.ignore(scratch.check)
    yield* completeness.reading(read)
    life.scanned = true
    yield* expire
    yield* trim()
  }).pipe(Effect.catch((error) => trouble.report("read the directory", error)))
}

const makeScrub = ({ files, recency }: Stock, { unread }: Removing) => {
  const scrubOne = Effect.fnUntraced(function* (key: CacheKey, pauseMillis: number) {
    const length = yield* Effect.scoped(
      Effect.flatMap(files.open(key), (entry) =>
        Effect.as(
          verify(entry, () => {}),
          entry.metadata.length,
        ),
      ),
    ).pipe(Effect.catch((error) => Effect.as(unread(key, error), 0)))
    yield* Effect.sleep(Math.max(pauseMillis, (length / scrubRate) * 1_000))
  })
  return Effect.gen(function* () {
    const pauseMillis = Math.min(scrubPauseMillis, Duration.toMillis(scrubInterval) / recency.count)
    // From anywhere on: a gateway that is started every few hours comes to all of them, too.
    for (const key of recency.keys(yield* Random.next)) yield* scrubOne(key, pauseMillis)
  })
}

interface Options {
  readonly reserve: Reserve
  readonly scratch: ScratchFolder
  readonly trouble: Trouble
}

/** Nothing that happens in the background may end it. */
const always = (task: Effect.Effect<unknown>) =>
  Effect.catchCause(task, (cause) => Effect.logError("The cache's upkeep failed and goes on.", cause))

/** What the cache does of its own accord, as long as the scope. */
export const startUpkeep = Effect.fnUntraced(function* (
  stock: Stock,
  removing: Removing,
  limits: Limits,
  options: Options,
) {
  const { reserve, trouble } = options
  const keepReserve = Effect.flatMap(reserve.lacking(), (lacking) => (lacking > 0 ? limits.trim() : Effect.void))
  const scan = makeScan(stock, limits, options)
  const scrub = makeScrub(stock, removing)
  const syncNames = Effect.catch(stock.files.syncNames, (error) => trouble.report("make a rename last", error))
  yield* Effect.forkScoped(Effect.schedule(always(syncNames), Schedule.spaced(namesInterval)))
  yield* Effect.forkScoped(Effect.schedule(always(keepReserve), Schedule.spaced(reserveInterval)))
  yield* Effect.forkScoped(Effect.repeat(always(scan), Schedule.spaced(scanInterval)))
  yield* Effect.forkScoped(Effect.delay(Effect.repeat(always(scrub), Schedule.fixed(scrubInterval)), "1 minute"))
})
