import {
  Clock,
  Duration,
  Effect,
  Exit,
  FileSystem,
  Metric,
  Option,
  Path,
  Schedule,
  Scope,
  Semaphore,
  Stream,
} from "effect"
import { Scratch } from "../scratch/Scratch.ts"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { AtomicCache } from "./AtomicCache.ts"
import { CacheError, whenGone } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import { makeDisk } from "./Disk.ts"
import type { Entry } from "./Entry.ts"
import { verify } from "./EntryChecksum.ts"
import { makeEntryFiles, type OpenEntry } from "./EntryFiles.ts"
import { makeMemoryTier } from "./MemoryTier.ts"
import { makeRecency } from "./Recency.ts"
import { makeReserve } from "./Reserve.ts"
import { sliceBytes } from "./Slice.ts"
import { makeTrouble } from "./Trouble.ts"

/** How often the directory is read for what other gateways did to it. */
const scanInterval = "10 minutes"

/** How often the disk is looked at for what others wrote to it. */
const reserveInterval = "5 seconds"

/** A hot entry is served without a look at its file for this long, in milliseconds: what another gateway purged stays that much longer. */
const hotFor = 10_000

/** Every entry's checksum is computed again this often, at no more than this many bytes per second. */
const scrubInterval = "1 day"
const scrubRate = 4_194_304

/** An hour: the grain at which a file's time tells other gateways, and the next start, that the entry is in use. */
const touchGrain = 3_600_000

export const makeFiles = Effect.gen(function* () {
  const settings = yield* Settings
  const path = yield* Path.Path
  const scope = yield* Effect.scope
  const maxBytes = settings.cacheMaxBytes
  const maxAge = Duration.toMillis(settings.cacheMaxAge)
  const enabled = maxBytes > 0
  const root = settings.cacheDir ?? path.join(settings.dataDir, "cache")
  const disk = makeDisk(yield* FileSystem.FileSystem)
  const trouble = makeTrouble()
  const files = makeEntryFiles({
    disk,
    path,
    root,
    scratch: (yield* Scratch).cache,
    maxBytes,
    onUnsynced: (error) => trouble.report("make a rename last", error),
  })
  const reserve = yield* makeReserve(root, settings.cacheReserveBytes)
  const memory = makeMemoryTier(settings.cacheMemoryBytes)
  const recency = makeRecency()
  /** Entries whose checksum was found right in this life, by the identity of the file it was computed over. */
  const verified = new Map<CacheKey, string>()
  const readers = new Map<CacheKey, number>()
  const counts = { broken: 0, evicted: 0 }
  let scanned = false

  const gauge = Effect.suspend(() =>
    Effect.all([
      Metric.update(Metrics.cacheBytes, recency.bytes),
      Metric.update(Metrics.cacheEntries, recency.count),
      Metric.update(Metrics.cacheMemoryBytes, memory.bytes),
    ]),
  )

  const forget = (key: CacheKey) => {
    recency.forget(key)
    memory.forget(key)
    verified.delete(key)
  }

  const used = Effect.fnUntraced(function* (key: CacheKey, size: number, created: number) {
    const now = yield* Clock.currentTimeMillis
    const before = recency.get(key)
    recency.put(key, { size, created, used: now })
    if (before !== undefined && now - before.used < touchGrain) return
    yield* Effect.forkIn(Effect.ignore(files.touch(key, now)), scope)
  })

  const evict = Effect.fnUntraced(function* (key: CacheKey, reason: "bytes" | "age" | "room") {
    yield* files.remove(key)
    forget(key)
    counts.evicted += 1
    yield* Metric.update(Metric.withAttributes(Metrics.cacheEvicted, { reason }), 1)
  })

  const trimming = yield* Semaphore.make(1)

  const upkeep = (task: Effect.Effect<void, CacheError>) =>
    task.pipe(
      Effect.andThen(gauge),
      Effect.catch((error) => trouble.report("remove entries", error)),
      trimming.withPermitsIfAvailable(1),
    )

  /** Back within the bytes allowed and out of the disk's reserve, longest unused first; what is being read stays for now. */
  const trim = (full = false) =>
    upkeep(
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

  /** A disk that is full is made less so, for whoever writes next. */
  const whenFull = <A, R>(writing: Effect.Effect<A, CacheError, R>) =>
    Effect.tapError(writing, (error) => (error.isFull ? Effect.forkIn(trim(true), scope) : Effect.void))

  /** Removes what is too old. An entry that was not opened in this life is at least as old as its last use. */
  const expire = upkeep(
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      for (const [index, key] of [...recency.keys()].entries()) {
        const one = recency.get(key)
        if (one !== undefined && now - (one.created ?? one.used) > maxAge) yield* evict(key, "age")
        if (index % 10_000 === 9_999) yield* Effect.yieldNow
      }
    }),
  )

  const discard = Effect.fnUntraced(function* (key: CacheKey, why: CacheError) {
    counts.broken += 1
    forget(key)
    yield* Metric.update(Metrics.cacheBroken, 1)
    yield* Effect.logWarning("A broken cache entry was removed.").pipe(Effect.annotateLogs({ key, detail: why.detail }))
    yield* Effect.catch(files.remove(key), (error) => trouble.report("remove entries", error))
  })

  /** What to do about an entry that could not be read: nothing there, broken, or trouble with the disk. */
  const unread = (key: CacheKey, error: CacheError) =>
    Effect.suspend(() => {
      if (error.kind === "ENOENT") return Effect.sync(() => forget(key))
      return error.reason._tag === "EntryBroken" ? discard(key, error) : trouble.report("read entries", error)
    })

  const fromMemory = Effect.fnUntraced(function* (key: CacheKey) {
    const hot = memory.get(key)
    if (hot === undefined) return Option.none<Entry>()
    const now = yield* Clock.currentTimeMillis
    if (now - hot.metadata.created > maxAge) return Option.none<Entry>()
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
    return Option.some<Entry>({
      metadata: hot.metadata,
      bytes: (range) => Stream.make(range === undefined ? hot.bytes : hot.bytes.subarray(range.start, range.end)),
    })
  })

  const check = Effect.fnUntraced(function* (key: CacheKey, entry: OpenEntry) {
    const { metadata, identity } = entry
    const mark = `${identity}:${metadata.sha256}`
    const small = memory.takes(metadata.length)
    if (verified.get(key) === mark && !small) return
    const slices: Array<Uint8Array> = []
    yield* verify(entry, (slice) => void (small && slices.push(slice)))
    verified.set(key, mark)
    if (!small) return
    const bytes = slices.length === 1 ? slices[0]! : Buffer.concat(slices)
    memory.put(key, { metadata, bytes, identity, checked: yield* elapsedMillis })
  })

  const reading = (key: CacheKey) => {
    readers.set(key, (readers.get(key) ?? 0) + 1)
    return Effect.sync(() => {
      const left = (readers.get(key) ?? 1) - 1
      if (left === 0) readers.delete(key)
      else readers.set(key, left)
    })
  }

  const streamOf =
    (key: CacheKey, { file, metadata }: OpenEntry): Entry["bytes"] =>
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

  /** None if the entry is older than the cache keeps them. */
  const openChecked = Effect.fnUntraced(function* (key: CacheKey) {
    const entry = yield* files.open(key)
    if ((yield* Clock.currentTimeMillis) - entry.metadata.created > maxAge) {
      yield* evict(key, "age")
      return Option.none<OpenEntry>()
    }
    yield* check(key, entry)
    return Option.some(entry)
  })

  const fromDisk = (key: CacheKey) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const owner = yield* Effect.scope
        const inner = yield* Scope.make()
        yield* Scope.addFinalizer(inner, reading(key))
        const opened = yield* restore(Scope.provide(openChecked(key), inner)).pipe(
          Effect.tap(() => trouble.over("read entries")),
          Effect.catch((error) => Effect.as(unread(key, error), Option.none<OpenEntry>())),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && Option.isSome(exit.value)
              ? Scope.addFinalizer(owner, Scope.close(inner, Exit.void))
              : Scope.close(inner, Exit.void),
          ),
        )
        return Option.map(opened, (entry): Entry => ({ metadata: entry.metadata, bytes: streamOf(key, entry) }))
      }),
    )

  const get = Effect.fn("AtomicCache.get")(function* (key: CacheKey) {
    if (!enabled) return Option.none<Entry>()
    const hot = yield* fromMemory(key)
    const found = Option.isSome(hot) ? hot : yield* fromDisk(key)
    if (Option.isNone(found)) return found
    const { length, created } = found.value.metadata
    yield* used(key, recency.get(key)?.size ?? length, created)
    return found
  })

  const write = Effect.fn("AtomicCache.write")(function* (key: CacheKey) {
    if ((yield* reserve.lacking()) > 0) {
      yield* trim()
      if ((yield* reserve.lacking()) > 0) return yield* reserve.refusal
    }
    const writer = yield* whenFull(files.write(key))
    return {
      append: (bytes: Uint8Array) => whenFull(writer.append(bytes)),
      read: writer.read,
      commit: Effect.fnUntraced(function* (...args: Parameters<typeof writer.commit>) {
        const { metadata, identity, size } = yield* whenFull(writer.commit(...args))
        memory.forget(key)
        verified.set(key, `${identity}:${metadata.sha256}`)
        recency.put(key, { size, created: metadata.created, used: metadata.created })
        if (recency.bytes > maxBytes) yield* trim()
        else yield* gauge
        return metadata
      }),
    }
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

  const scanShard = Effect.fnUntraced(function* (shard: string, seen: Set<CacheKey>) {
    const look = Effect.fnUntraced(function* (key: CacheKey) {
      const { size, modified } = yield* files.stat(key)
      seen.add(key)
      const before = recency.get(key)
      if (before?.size === size && before.used >= modified) return
      recency.put(key, { size, created: before?.created, used: Math.max(modified, before?.used ?? 0) })
    })
    const lookUnlessGone = (key: CacheKey) => whenGone(() => Effect.void)(look(key))
    yield* Effect.forEach(yield* files.keysIn(shard), lookUnlessGone, { concurrency: 4, discard: true })
  })

  /** Brings what we know in line with the directory, which other gateways may share. */
  const scan = Effect.gen(function* () {
    const before = [...recency.keys()]
    const seen = new Set<CacheKey>()
    for (const shard of yield* files.shards) yield* scanShard(shard, seen)
    for (const [index, key] of before.entries()) {
      if (!seen.has(key)) forget(key)
      if (index % 10_000 === 9_999) yield* Effect.yieldNow
    }
    scanned = true
    yield* expire
    yield* trim()
  }).pipe(Effect.catch((error) => trouble.report("read the directory", error)))

  const scrubOne = Effect.fnUntraced(function* (key: CacheKey) {
    const length = yield* Effect.scoped(
      Effect.flatMap(files.open(key), (entry) =>
        Effect.as(
          verify(entry, () => {}),
          entry.metadata.length,
        ),
      ),
    ).pipe(Effect.catch((error) => Effect.as(unread(key, error), 0)))
    yield* Effect.sleep(Math.max(20, (length / scrubRate) * 1_000))
  })

  const scrub = Effect.suspend(() => Effect.forEach([...recency.keys()], scrubOne, { discard: true }))

  const listAfter = (after: string) =>
    Stream.unwrap(Effect.map(files.shards, (shards) => Stream.fromIterable(shards.toSorted()))).pipe(
      Stream.filter((shard) => shard >= after.slice(0, 2)),
      Stream.mapEffect(files.keysIn),
      Stream.flatMap((keys) => Stream.fromIterable(keys.filter((key) => key > after).toSorted())),
      Stream.mapEffect((key) => Effect.option(Effect.scoped(files.open(key)))),
      Stream.filter(Option.isSome),
      Stream.map((entry) => entry.value.metadata),
    )

  /** Nothing that happens in the background may end it. */
  const always = (task: Effect.Effect<unknown>) =>
    Effect.catchCause(task, (cause) => Effect.logError("The cache's upkeep failed and goes on.", cause))

  const keepReserve = Effect.flatMap(reserve.lacking(), (lacking) => (lacking > 0 ? trim() : Effect.void))

  if (enabled) {
    yield* Effect.forkScoped(Effect.schedule(always(keepReserve), Schedule.spaced(reserveInterval)))
    yield* Effect.forkScoped(Effect.repeat(always(scan), Schedule.spaced(scanInterval)))
    yield* Effect.forkScoped(Effect.delay(Effect.repeat(always(scrub), Schedule.spaced(scrubInterval)), "1 minute"))
  }

  return {
    enabled,
    get,
    write,
    remove,
    purge,
    list: listAfter(""),
    listAfter,
    stats: Effect.sync(() => ({
      enabled,
      entries: recency.count,
      bytes: recency.bytes,
      maxBytes,
      memoryEntries: memory.count,
      memoryBytes: memory.bytes,
      ...counts,
      scanned,
    })),
  } satisfies AtomicCache["Service"]
})
