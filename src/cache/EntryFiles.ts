import { createHash } from "node:crypto"
import { Clock, Effect, Option, type Path, type Scope } from "effect"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { CacheError, EntryTooLarge, whenGone } from "./CacheError.ts"
import { CacheKey, keyVersion } from "./CacheKey.ts"
import type { Disk, OpenFile } from "./Disk.ts"
import type { EntryWriter } from "./Entry.ts"
import { decodeFooter, encodeFooter, maxFooterBytes, type Metadata } from "./EntryFormat.ts"
import { sliceBytes } from "./Slice.ts"

/** An entry's file, open, its footer read and found right. */
export interface OpenEntry {
  readonly file: OpenFile
  readonly metadata: Metadata
  readonly identity: string
}

/** A writer whose `commit` also tells the identity and size in bytes of the file that is now the entry. */
export interface FileWriter extends Omit<EntryWriter, "commit"> {
  readonly commit: (
    ...args: Parameters<EntryWriter["commit"]>
  ) => Effect.Effect<{ readonly metadata: Metadata; readonly identity: string; readonly size: number }, CacheError>
}

/** Entries as files: `v1/<first two digits>/<key>` below `root`. A next layout gets a next folder. */
export const makeEntryFiles = (options: {
  readonly disk: Disk
  readonly path: Path.Path
  readonly root: string
  readonly scratch: ScratchFolder
  readonly maxBytes: number
  /** A rename that may not survive a loss of power: the entry is whole, but not for sure there. */
  readonly onUnsynced: (error: CacheError) => Effect.Effect<void>
}) => {
  const { disk, path, root, scratch, maxBytes } = options
  const layout = path.join(root, "v1")
  const shardOf = (key: CacheKey) => path.join(layout, key.slice(0, 2))
  const pathOf = (key: CacheKey) => path.join(shardOf(key), key)
  const shardsMade = new Set<string>()

  /** Fails with `EntryBroken` if the file is there but is not a whole entry of this key. */
  const open = Effect.fnUntraced(function* (key: CacheKey): Effect.fn.Return<OpenEntry, CacheError, Scope.Scope> {
    const file = yield* disk.open(pathOf(key), "r")
    const { size, identity } = yield* file.stat
    const tailBytes = Math.min(size, maxFooterBytes)
    const tail = yield* file.read(size - tailBytes, tailBytes)
    const metadata = decodeFooter(tail, size, key)
    if (Option.isNone(metadata)) return yield* CacheError.broken("cut, altered, or not an entry of this key")
    return { file, metadata: metadata.value, identity }
  })

  /** Reads all of the audio, in slices that leave the event loop free, and fails unless it is what was committed. */
  const verify = Effect.fnUntraced(function* ({ file, metadata }: OpenEntry, onSlice: (slice: Uint8Array) => void) {
    const hash = createHash("sha256")
    for (let at = 0; at < metadata.length;) {
      const slice = yield* file.read(at, Math.min(sliceBytes, metadata.length - at))
      if (slice.length === 0) return yield* CacheError.broken("cut while it was read")
      hash.update(slice)
      onSlice(slice)
      at += slice.length
    }
    if (hash.digest("hex") !== metadata.sha256) return yield* CacheError.broken("the audio was altered")
  })

  /**
   * The checksum of what `file` will be with `head` in the place of its first bytes. For that it is read back, and has to be
   * what was given to be written, of which `sha256` is the checksum.
   */
  const rehash = Effect.fnUntraced(function* (file: OpenFile, length: number, sha256: string, head: Uint8Array) {
    const written = createHash("sha256")
    const renewed = createHash("sha256").update(head)
    for (let at = 0; at < length;) {
      const slice = yield* file.read(at, Math.min(sliceBytes, length - at))
      if (slice.length === 0) return yield* CacheError.broken("cut while it was written")
      written.update(slice)
      renewed.update(slice.subarray(Math.max(0, head.length - at)))
      at += slice.length
    }
    if (written.digest("hex") !== sha256) return yield* CacheError.broken("altered while it was written")
    return renewed.digest("hex")
  })

  const makeShard = Effect.fnUntraced(function* (key: CacheKey) {
    const shard = shardOf(key)
    if (shardsMade.has(shard)) return
    yield* disk.run("writing", "makeDirectory", (fs) => fs.makeDirectory(shard, { recursive: true, mode: 0o700 }))
    if (shardsMade.size === 0) yield* Effect.catch(disk.syncDirectory(root), options.onUnsynced)
    yield* Effect.catch(disk.syncDirectory(layout), options.onUnsynced)
    shardsMade.add(shard)
  })

  const foldersGone = Effect.suspend(() => {
    shardsMade.clear()
    return Effect.logWarning(`Folders of ${layout} were removed while they were in use, and are made again.`)
  })

  const rename = (from: string, key: CacheKey) =>
    Effect.andThen(
      makeShard(key),
      disk.run("writing", "rename", (fs) => fs.rename(from, pathOf(key))),
    )

  const openTemp = Effect.fnUntraced(function* (state: { committed: boolean }) {
    const temp = yield* Effect.mapError(scratch.next, CacheError.fromPlatform)
    const drop = Effect.suspend(() =>
      state.committed
        ? Effect.void
        : Effect.ignore(disk.run("writing", "remove", (fs) => fs.remove(temp, { force: true }))),
    )
    return { temp, file: yield* disk.open(temp, "wx+", drop) }
  })

  const write = Effect.fnUntraced(function* (key: CacheKey): Effect.fn.Return<FileWriter, CacheError, Scope.Scope> {
    const state = { committed: false }
    const { temp, file } = yield* openTemp(state).pipe(
      // Someone removed the folder under us.
      whenGone(() => Effect.andThen(scratch.lost, openTemp(state))),
    )
    const hash = createHash("sha256")
    let length = 0
    let whole = true
    return {
      append: Effect.fnUntraced(function* (bytes) {
        const before = whole
        whole = false
        yield* file.write(bytes)
        whole = before
        hash.update(bytes)
        length += bytes.length
      }),
      read: (position, wanted) => file.read(position, Math.max(0, Math.min(wanted, length - position))),
      commit: Effect.fnUntraced(function* (description, head) {
        if (!whole) return yield* CacheError.broken("some of the audio was not written")
        if (length === 0) return yield* CacheError.broken("an entry cannot be empty")
        const created = yield* Clock.currentTimeMillis
        const given = hash.digest("hex")
        const sha256 = head === undefined ? given : yield* rehash(file, length, given, head)
        const metadata = { ...description, key, keyVersion, length, sha256, created }
        const footer = encodeFooter(metadata)
        if (Option.isNone(footer)) return yield* CacheError.broken("the metadata does not fit the footer")
        const total = length + footer.value.length
        if (total > maxBytes) {
          return yield* new CacheError({ reason: new EntryTooLarge({ bytes: total, limit: maxBytes }) })
        }
        yield* file.write(footer.value)
        // Listeners who read the file from its beginning get the old head or the new one, never some of both: they read more at a time.
        if (head !== undefined) yield* file.rewrite(head)
        yield* file.sync
        const { size, identity } = yield* file.stat
        if (size !== total) return yield* CacheError.broken(`the file has ${size} bytes instead of ${total}`)
        yield* rename(temp, key).pipe(whenGone(() => Effect.andThen(foldersGone, rename(temp, key))))
        state.committed = true
        yield* Effect.catch(disk.syncDirectory(shardOf(key)), options.onUnsynced)
        return { metadata, identity, size }
      }),
    }
  })

  const remove = (key: CacheKey) =>
    disk
      .run("writing", "remove", (fs) => fs.remove(pathOf(key)))
      .pipe(
        Effect.as(true),
        whenGone(() => Effect.succeed(false)),
      )

  const emptyIfGone = whenGone(() => Effect.succeed<Array<string>>([]))

  /** Folders that hold entries. */
  const shards = disk
    .run("reading", "readDirectory", (fs) => fs.readDirectory(layout))
    .pipe(
      emptyIfGone,
      Effect.map((names) => names.filter((name) => /^[0-9a-f]{2}$/.test(name))),
    )

  const keysIn = (shard: string) =>
    disk
      .run("reading", "readDirectory", (fs) => fs.readDirectory(path.join(layout, shard)))
      .pipe(
        emptyIfGone,
        Effect.map((names) => names.flatMap((name) => Option.toArray(CacheKey.makeOption(name)))),
      )

  const touch = (key: CacheKey, now: number) =>
    disk.run("writing", "utimes", (fs) => fs.utimes(pathOf(key), now / 1_000, now / 1_000))

  return { open, verify, write, remove, shards, keysIn, touch, stat: (key: CacheKey) => disk.stat(pathOf(key)) }
}
