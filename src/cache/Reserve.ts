import { Context, Effect, Metric } from "effect"
import { statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { CacheError, DiskReserved } from "./CacheError.ts"

/** For an answer about the disk; one that hangs says nothing. */
const patience = "5 seconds"

/** What is freed at least once a disk was found full. */
const afterFullBytes = 16_777_216

/** Milliseconds for which an answer about the disk counts that left so many bytes to spare: to fill them takes longer, on most machines. */
const amplyFor = 1_000
const amplyBytes = 1_073_741_824

/** That entries give way is written down again only after this long. */
const silenceMillis = 600_000

const ask = async (directory: string): Promise<number | undefined> => {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch (error) {
    const above = dirname(directory)
    return (error as NodeJS.ErrnoException).code === "ENOENT" && above !== directory ? ask(above) : undefined
  }
}

/**
 * How many bytes can still be written to the disk of a directory, or of where it will be made; undefined where that cannot be
 * told. Tests put their own in its place.
 */
export const FreeBytes = Context.Reference<(directory: string) => Effect.Effect<number | undefined>>(
  "aviary/cache/FreeBytes",
  {
    defaultValue: () => (directory) =>
      Effect.timeoutOrElse(
        Effect.promise(() => ask(directory)),
        { duration: patience, orElse: () => Effect.undefined },
      ),
  },
)

/**
 * What the cache leaves to others on its disk, to the ledger first of all: without room for that nobody can be charged, so nobody
 * is served.
 *
 * - `lacking`: how many bytes have to be freed; not above 0 where there is room enough. `full`: a write has failed for lack of room
 * - `refusal`: why nothing is kept while bytes are lacking
 * - `gaveWay`: so many entries were removed for it; says so now and then
 */
export interface Reserve {
  readonly lacking: (full?: boolean) => Effect.Effect<number>
  readonly refusal: CacheError
  readonly gaveWay: (entries: number) => Effect.Effect<void>
}

export const makeReserve = Effect.fnUntraced(function* (directory: string, reserveBytes: number) {
  const freeBytes = yield* FreeBytes
  let saidAt = Number.NEGATIVE_INFINITY
  let ample = { until: Number.NEGATIVE_INFINITY, lacking: 0 }
  const reserve: Reserve = {
    lacking: Effect.fnUntraced(function* (full = false) {
      const now = yield* elapsedMillis
      if (!full && now < ample.until) return ample.lacking
      const free = yield* freeBytes(directory)
      if (free === undefined) return 0
      yield* Metric.update(Metrics.cacheDiskFree, free)
      const lacking = (full ? Math.max(reserveBytes, afterFullBytes) : reserveBytes) - free
      if (lacking <= -amplyBytes) ample = { until: now + amplyFor, lacking }
      return lacking
    }),
    refusal: new CacheError({
      reason: new DiskReserved({ message: `fewer than ${reserveBytes} bytes are free, which are left to others` }),
    }),
    gaveWay: Effect.fnUntraced(function* (entries) {
      const now = yield* elapsedMillis
      if (entries === 0 || now - saidAt < silenceMillis) return
      saidAt = now
      yield* Effect.logWarning(
        `The disk of the cache is nearly full: ${entries} entries were removed, to leave room for the ledger and others. More may follow.`,
      ).pipe(Effect.annotateLogs({ directory, reserve_bytes: reserveBytes }))
    }),
  }
  return reserve
})
