import { Duration, Effect, FileSystem, Path } from "effect"
import { Scratch } from "../scratch/Scratch.ts"
import { Settings } from "../Settings.ts"
import type { AtomicCache } from "./AtomicCache.ts"
import { makeDisk } from "./Disk.ts"
import { makeEntryFiles } from "./EntryFiles.ts"
import { makeLimits } from "./Limits.ts"
import { makeListAfter } from "./Listing.ts"
import { makeGet } from "./Reading.ts"
import { makeRemoving } from "./Removing.ts"
import { makeReserve } from "./Reserve.ts"
import { makeStock } from "./Stock.ts"
import { makeTrouble } from "./Trouble.ts"
import { startUpkeep } from "./Upkeep.ts"
import { makeWriting } from "./Writing.ts"

/** `AtomicCache` over files. */
export const makeFiles = Effect.gen(function* () {
  const settings = yield* Settings
  const path = yield* Path.Path
  const maxBytes = settings.cacheMaxBytes
  const enabled = maxBytes > 0
  const root = settings.cacheDir ?? path.join(settings.dataDir, "cache")
  const trouble = makeTrouble()
  const files = makeEntryFiles({
    disk: yield* makeDisk(yield* FileSystem.FileSystem),
    path,
    root,
    scratch: (yield* Scratch).cache,
    maxBytes,
    onUnsynced: (error) => trouble.report("make a rename last", error),
  })
  const reserve = yield* makeReserve(root, settings.cacheReserveBytes)
  const options = {
    reserve,
    trouble,
    enabled,
    maxBytes,
    maxAgeMillis: Duration.toMillis(settings.cacheMaxAge),
  }
  const stock = makeStock(files, settings.cacheMemoryBytes)
  const removing = makeRemoving(stock, trouble)
  const limits = yield* makeLimits(stock, removing, options)
  const listAfter = makeListAfter(files)
  if (enabled) yield* startUpkeep(stock, removing, limits, options)

  return {
    enabled,
    knows: stock.recency.has,
    get: yield* makeGet(stock, removing, options),
    ...makeWriting(stock, limits, options),
    remove: removing.remove,
    purge: removing.purge,
    list: listAfter(""),
    listAfter,
    stats: Effect.sync(() => ({
      enabled,
      entries: stock.recency.count,
      bytes: stock.recency.bytes,
      maxBytes,
      memoryEntries: stock.memory.count,
      memoryBytes: stock.memory.bytes,
      ...stock.life,
    })),
  } satisfies AtomicCache["Service"]
})
