import { createHash } from "node:crypto"
import { Clock, Effect, Option, type Path, Scope } from "effect"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { CacheError, EntryTooLarge, whenGone } from "./CacheError.ts"
import { type CacheKey, keyVersion } from "./CacheKey.ts"
import type { Disk, OpenFile } from "./Disk.ts"
import type { EntryWriter } from "./Entry.ts"
import { rehash } from "./EntryChecksum.ts"
import { type EntryFolders, makeEntryFolders } from "./EntryFolders.ts"
import { withoutFirst } from "./Slice.ts"
import { decodeFooter, type Description, encodeFooter, maxFooterBytes, type Metadata } from "./EntryFormat.ts"

/** An entry's file, open, its footer read and found right. */
export interface OpenEntry {
  readonly file: OpenFile
  readonly metadata: Metadata
  readonly identity: string
}

/** What was committed: also the size in bytes of the file that is now the entry, and its identity, where that was asked for. */
export interface Committed {
  readonly metadata: Metadata
  readonly identity: string | undefined
  readonly size: number
}

/** A writer whose `commit` also tells of the file. */
export interface FileWriter extends Omit<EntryWriter, "commit"> {
  readonly commit: (...args: Parameters<EntryWriter["commit"]>) => Effect.Effect<Committed, CacheError>
}

interface Options {
  readonly disk: Disk
  readonly folders: EntryFolders
  readonly scratch: ScratchFolder
  readonly maxBytes: number
}

/** A file that nobody else knows of, removed with the scope unless it is `committed` by then. */
const openTemp = Effect.fnUntraced(function* ({ disk, scratch }: Options, state: { readonly committed: boolean }) {
  const temp = yield* Effect.mapError(scratch.next, CacheError.fromPlatform)
  const drop = Effect.suspend(() =>
    state.committed
      ? Effect.void
      : Effect.ignore(disk.run("writing", "remove", (fs) => fs.remove(temp, { force: true }))),
  )
  return { temp, file: yield* disk.open(temp, "wx+", drop) }
})

/** What is known of an entry of so many bytes, and ends its file, if it fits. */
const footerOf = Effect.fnUntraced(function* (
  described: Description & Pick<Metadata, "key" | "length" | "sha256">,
  maxBytes: number,
) {
  const metadata: Metadata = { ...described, keyVersion, created: yield* Clock.currentTimeMillis }
  const footer = encodeFooter(metadata)
  if (Option.isNone(footer)) return yield* CacheError.broken("the metadata does not fit the footer")
  const total = metadata.length + footer.value.length
  if (total > maxBytes) return yield* new CacheError({ reason: new EntryTooLarge({ bytes: total, limit: maxBytes }) })
  return { metadata, footer: footer.value, total }
})

/** All of the file is on the disk afterwards, and is as long as it should be. */
const secured = Effect.fnUntraced(function* (file: OpenFile, total: number) {
  yield* file.sync
  const { size, identity } = yield* file.stat
  if (size !== total) return yield* CacheError.broken(`the file has ${size} bytes instead of ${total}`)
  return { identity, size }
})

/** All of an entry at once. */
const putEntry = Effect.fnUntraced(function* (
  { folders, maxBytes, scratch }: Options,
  key: CacheKey,
  made: ReadonlyArray<Uint8Array>,
  description: Description,
  head: Uint8Array | undefined,
): Effect.fn.Return<Committed, CacheError> {
  const hash = createHash("sha256")
  const pieces = head === undefined ? made : [head, ...withoutFirst(made, head.length)]
  let length = 0
  for (const piece of pieces) {
    hash.update(piece)
    length += piece.length
  }
  if (length === 0) return yield* CacheError.broken("an entry cannot be empty")
  const described = { ...description, key, length, sha256: hash.digest("hex") }
  const { footer, metadata, total } = yield* footerOf(described, maxBytes)
  const write = Effect.flatMap(Effect.mapError(scratch.next, CacheError.fromPlatform), (temp) =>
    folders.write(temp, key, [...pieces, footer]),
  )
  // Someone removed the folder under us.
  yield* whenGone(() => Effect.andThen(scratch.lost, write))(write)
  return { metadata, identity: undefined, size: total }
})

const openWriter = Effect.fnUntraced(function* (
  options: Options,
  key: CacheKey,
): Effect.fn.Return<FileWriter, CacheError, Scope.Scope> {
  const { folders, maxBytes, scratch } = options
  const state = { committed: false }
  const { file, temp } = yield* openTemp(options, state).pipe(
    // Someone removed the folder under us.
    whenGone(() => Effect.andThen(scratch.lost, openTemp(options, state))),
  )
  const hash = createHash("sha256")
  let length = 0
  let whole = true

  return {
    append: Effect.fnUntraced(function* (bytes) {
      const before = whole
      whole = false
      yield* file.write(bytes)
      hash.update(bytes)
      length += bytes.length
      whole = before
    }),
    read: (position, wanted) => file.read(position, Math.max(0, Math.min(length, position + wanted) - position)),
    commit: Effect.fnUntraced(function* (description, head) {
      if (!whole) return yield* CacheError.broken("some of the audio was not written")
      if (length === 0) return yield* CacheError.broken("an entry cannot be empty")
      const given = hash.digest("hex")
      const sha256 = head === undefined ? given : yield* rehash(file, length, given, head)
      const { footer, metadata, total } = yield* footerOf({ ...description, key, length, sha256 }, maxBytes)
      yield* file.write(footer)
      // Listeners who read the file from its beginning get the old head or the new one, never some of both: they read more at a time.
      if (head !== undefined) yield* file.rewrite(head)
      const stamp = yield* secured(file, total)
      yield* folders.place(temp, key)
      state.committed = true
      return { metadata, ...stamp }
    }),
  }
})

/** Entries as files below `root`. */
export type EntryFiles = ReturnType<typeof makeEntryFiles>

export const makeEntryFiles = (options: {
  readonly disk: Disk
  readonly path: Path.Path
  readonly root: string
  readonly scratch: ScratchFolder
  readonly maxBytes: number
}) => {
  const { disk, scratch, maxBytes } = options
  const folders = makeEntryFolders(options)
  const { pathOf, shards, keysIn, syncNames } = folders

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

  return {
    open,
    /** Whether there is a file to open, which most often there is not: a look costs a fraction of an `open` that fails. */
    isThere: (key: CacheKey) => disk.isThere(pathOf(key)),
    write: (key: CacheKey) => openWriter({ disk, folders, scratch, maxBytes }, key),
    put: (key: CacheKey, pieces: ReadonlyArray<Uint8Array>, description: Description, head: Uint8Array | undefined) =>
      putEntry({ disk, folders, scratch, maxBytes }, key, pieces, description, head),
    /** Whether it was there. */
    remove: (key: CacheKey) =>
      disk
        .run("writing", "remove", (fs) => fs.remove(pathOf(key)))
        .pipe(
          Effect.as(true),
          whenGone(() => Effect.succeed(false)),
        ),
    shards,
    keysIn,
    syncNames,
    /** Gives its file the time `now`, in milliseconds since 1970. */
    touch: (key: CacheKey, now: number) =>
      disk.run("writing", "utimes", (fs) => fs.utimes(pathOf(key), now / 1_000, now / 1_000)),
    stat: (key: CacheKey) => disk.stat(pathOf(key)),
  }
}
