import { Clock, Duration, Effect, Exit, FileSystem, Option, Path, Scope, Stream } from "effect"
import { Scratch } from "../scratch/Scratch.ts"
import { Settings } from "../Settings.ts"
import type { AtomicCache } from "./AtomicCache.ts"
import { makeCompleteness } from "./Completeness.ts"
import { makeDisk } from "./Disk.ts"
import { type Committed, makeEntryFiles, type OpenEntry } from "./EntryFiles.ts"
import { type Limits, makeLimits } from "./Limits.ts"
import { makeListAfter } from "./Listing.ts"
import { makeRemoving, type Removing } from "./Removing.ts"
import { makeReserve, type Reserve } from "./Reserve.ts"
import { makeStock, type Stock } from "./Stock.ts"
import { makeTrouble, type Trouble } from "./Trouble.ts"
import { startUpkeep } from "./Upkeep.ts"
import { elapsedMillis, millisOf } from "../telemetry/Elapsed.ts"
import { tracedFn } from "../telemetry/Spans.ts"
import { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import { type Entry, entryInMemory } from "./Entry.ts"
import { verify } from "./EntryChecksum.ts"
import { sliceBytes } from "./Slice.ts"

/** `AtomicCache.write` and `put`: where there is room, and with what they commit counted. */
const makeWriting = (
  { files, gauge, memory, recency }: Stock,
  { trim, whenFull }: Limits,
  options: { readonly reserve: Reserve; readonly maxBytes: number },
) => {
  const { reserve, maxBytes } = options

  const makeRoom = Effect.fnUntraced(function* () {
    if ((yield* reserve.lacking()) <= 0) return
    yield* trim()
    if ((yield* reserve.lacking()) > 0) return yield* reserve.refusal
  })

  const count = Effect.fnUntraced(function* (key: CacheKey, { identity, metadata, size }: Committed) {
    memory.forget(key)
    recency.put(key, { size, created: metadata.created, used: metadata.created })
    recency.mark(key, identity === undefined ? undefined : `${identity}:${metadata.sha256}`)
    if (recency.bytes > maxBytes) yield* trim()
    else yield* gauge
    return metadata
  })

  return {
    put: Effect.fnUntraced(function* (...[key, pieces, description, head]: Parameters<typeof files.put>) {
      yield* makeRoom()
      return yield* count(key, yield* whenFull(files.put(key, pieces, description, head)))
    }),
    write: Effect.fnUntraced(function* (key: CacheKey) {
      yield* makeRoom()
      const writer = yield* whenFull(files.write(key))
      return {
        append: (bytes: Uint8Array) => whenFull(writer.append(bytes)),
        read: writer.read,
        commit: (...args: Parameters<typeof writer.commit>) =>
          Effect.flatMap(whenFull(writer.commit(...args)), (committed) => count(key, committed)),
      }
    }),
  }
}

/** Reads all of an entry that was not found right before, and small ones into memory. */
const makeCheck = ({ memory, recency }: Stock) =>
  Effect.fnUntraced(function* (key: CacheKey, entry: OpenEntry) {
    const { metadata, identity } = entry
    const mark = `${identity}:${metadata.sha256}`
    const small = memory.takes(metadata.length)
    if (!small && recency.isMarked(key, mark)) return
    const slices: Array<Uint8Array> = []
    yield* verify(entry, (slice) => void (small && slices.push(slice)))
    const { created, length } = metadata
    if (!recency.has(key)) recency.put(key, { size: length, created, used: created })
    recency.mark(key, mark)
    if (!small) return
    const bytes = slices.length === 1 ? slices[0]! : Buffer.concat(slices)
    memory.put(key, { metadata, bytes, identity, checked: yield* elapsedMillis })
  })

/** An entry that turns out to be cut is `discard`ed, and its reader told. */
const streamOf =
  (key: CacheKey, { file, metadata }: OpenEntry, discard: Removing["discard"]): Entry["bytes"] =>
  (range) =>
    Stream.suspend(() => {
      const end = Math.min(range?.end ?? metadata.length, metadata.length)
      return Stream.unfold(Math.max(0, range?.start ?? 0), (at) =>
        Effect.gen(function* () {
          if (at >= end) return undefined
          const slice = yield* file.read(at, Math.min(sliceBytes, end - at))
          if (slice.length > 0) return [slice, at + slice.length] as const
          const cut = CacheError.broken("cut while it was read")
          yield* discard(key, cut)
          return yield* cut
        }),
      )
    })

/** Gets an entry from its file, which stays open and is not trimmed away as long as the scope. Trouble with the disk is no entry. */
const makeFromDisk = (
  stock: Stock,
  { evict, discard, unread }: Removing,
  options: { readonly trouble: Trouble; readonly maxAgeMillis: number },
) => {
  const { files, memory, readers } = stock
  const { trouble, maxAgeMillis } = options
  const check = makeCheck(stock)

  /** None if the entry is older than the cache keeps them. */
  const openChecked = Effect.fnUntraced(function* (key: CacheKey) {
    const entry = yield* files.open(key)
    if ((yield* Clock.currentTimeMillis) - entry.metadata.created > maxAgeMillis) {
      yield* evict(key, "age")
      return Option.none<OpenEntry>()
    }
    yield* check(key, entry)
    return Option.some(entry)
  })

  return (key: CacheKey) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const owner = yield* Effect.scope
        const inner = yield* Scope.make()
        yield* Scope.addFinalizer(inner, readers.add(key))
        const opened = yield* restore(Scope.provide(openChecked(key), inner)).pipe(
          Effect.tap(() => trouble.over("read entries")),
          Effect.catch((error) => Effect.as(unread(key, error), Option.none<OpenEntry>())),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && Option.isSome(exit.value)
              ? Scope.addFinalizer(owner, Scope.close(inner, Exit.void))
              : Scope.close(inner, Exit.void),
          ),
        )
        return Option.map(opened, (entry): Entry => {
          const hot = memory.get(key)
          return hot === undefined
            ? { metadata: entry.metadata, bytes: streamOf(key, entry, discard) }
            : entryInMemory(hot.metadata, hot.bytes)
        })
      }),
    )
}

/** A hot entry is served without a look at its file for this long, in milliseconds: what another gateway purged stays that much longer. */
const hotFor = 10_000

/** An hour: the grain at which a file's time tells other gateways, and the next start, that the entry is in use. */
const touchGrain = 3_600_000

const makeFromMemory = ({ files, memory, lose }: Stock, maxAgeMillis: number) => {
  const inMemory = (key: CacheKey, now: number) => {
    const hot = memory.get(key)
    return hot === undefined || now - hot.metadata.created > maxAgeMillis ? undefined : hot
  }
  return {
    /** Without a step where nothing has to be waited for. */
    atOnce: (key: CacheKey, clock: Clock.Clock): Option.Option<Entry> => {
      const hot = inMemory(key, clock.currentTimeMillisUnsafe())
      return hot === undefined || millisOf(clock) - hot.checked > hotFor
        ? Option.none()
        : Option.some(entryInMemory(hot.metadata, hot.bytes))
    },
    checked: Effect.fnUntraced(function* (key: CacheKey) {
      const hot = inMemory(key, yield* Clock.currentTimeMillis)
      if (hot === undefined) return Option.none<Entry>()
      const since = yield* elapsedMillis
      const still = yield* files.stat(key).pipe(
        Effect.map((stamp) => stamp.identity === hot.identity),
        Effect.catch((error) => Effect.succeed(error.kind !== "ENOENT")),
      )
      if (!still) {
        lose(key)
        return Option.none<Entry>()
      }
      hot.checked = since
      return Option.some(entryInMemory(hot.metadata, hot.bytes))
    }),
  }
}

/** `AtomicCache.get`: from memory, or else from disk. */
const makeGet = Effect.fnUntraced(function* (
  stock: Stock,
  removing: Removing,
  options: { readonly trouble: Trouble; readonly enabled: boolean; readonly maxAgeMillis: number },
) {
  const { completeness, files, recency } = stock
  const scope = yield* Effect.scope
  const fromMemory = makeFromMemory(stock, options.maxAgeMillis)
  const fromDisk = makeFromDisk(stock, removing, options)

  /** Notes that it was, and answers with it. */
  const used = (key: CacheKey, found: Option.Some<Entry>, now: number): Effect.Effect<Option.Option<Entry>> => {
    const before = recency.get(key)
    const { length, created } = found.value.metadata
    recency.put(key, { size: before?.size ?? length, created, used: now })
    if (before !== undefined && now - before.used < touchGrain) return Effect.succeed(found)
    return Effect.as(Effect.forkIn(Effect.ignore(files.touch(key, now)), scope), found)
  }

  /** What is not known here another gateway may have made. */
  const mayBeThere = (key: CacheKey) =>
    Effect.flatMap(completeness.is, (isKnown) => (isKnown ? Effect.succeed(false) : files.isThere(key)))

  const look = Effect.fnUntraced(function* (key: CacheKey) {
    const hot = yield* fromMemory.checked(key)
    if (Option.isNone(hot) && recency.get(key) === undefined && !(yield* mayBeThere(key))) return hot
    const found = Option.isSome(hot) ? hot : yield* fromDisk(key)
    return Option.isNone(found) ? found : yield* used(key, found, yield* Clock.currentTimeMillis)
  })

  const get = (key: CacheKey) =>
    Clock.clockWith((clock) => {
      if (!options.enabled) return Effect.succeed(Option.none<Entry>())
      const hot = fromMemory.atOnce(key, clock)
      return Option.isSome(hot) ? used(key, hot, clock.currentTimeMillisUnsafe()) : look(key)
    })
  return tracedFn("AtomicCache.get")(get)
})

/** `AtomicCache` over files. */
export const makeFiles = Effect.gen(function* () {
  const settings = yield* Settings
  const path = yield* Path.Path
  const maxBytes = settings.cacheMaxBytes
  const enabled = maxBytes > 0
  const root = settings.cacheDir ?? path.join(settings.dataDir, "cache")
  const trouble = makeTrouble()
  const { cache: scratch } = yield* Scratch
  const disk = yield* makeDisk(yield* FileSystem.FileSystem)
  const files = makeEntryFiles({ disk, path, root, scratch, maxBytes })
  const reserve = yield* makeReserve(root, settings.cacheReserveBytes)
  const options = {
    scratch,
    reserve,
    trouble,
    enabled,
    maxBytes,
    maxAgeMillis: Duration.toMillis(settings.cacheMaxAge),
  }
  const stock = makeStock(files, settings.cacheMemoryBytes, yield* makeCompleteness(scratch.unshared))
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
