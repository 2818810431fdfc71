import { Effect, Option, type Path, type Scope } from "effect"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { CacheError, whenGone } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { Disk, OpenFile } from "./Disk.ts"
import { openWriter } from "./EntryFileWriter.ts"
import { makeEntryFolders } from "./EntryFolders.ts"
import { decodeFooter, maxFooterBytes, type Metadata } from "./EntryFormat.ts"

/** An entry's file, open, its footer read and found right. */
export interface OpenEntry {
  readonly file: OpenFile
  readonly metadata: Metadata
  readonly identity: string
}

/** Entries as files below `root`. */
export type EntryFiles = ReturnType<typeof makeEntryFiles>

export const makeEntryFiles = (options: {
  readonly disk: Disk
  readonly path: Path.Path
  readonly root: string
  readonly scratch: ScratchFolder
  readonly maxBytes: number
  readonly keptBytes: number
  /** A name that may not survive a loss of power: the entry is whole, but not for sure there. */
  readonly onUnsynced: (error: CacheError) => Effect.Effect<void>
}) => {
  const { disk, scratch, maxBytes, keptBytes } = options
  const folders = makeEntryFolders(options)
  const { pathOf, shards, keysIn } = folders

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
    exists: (key: CacheKey) =>
      Effect.orElseSucceed(
        disk.run("reading", "access", (fs) => fs.exists(pathOf(key))),
        () => true,
      ),
    write: (key: CacheKey) => openWriter({ disk, folders, scratch, maxBytes, keptBytes }, key),
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
    /** Gives its file the time `now`, in milliseconds since 1970. */
    touch: (key: CacheKey, now: number) =>
      disk.run("writing", "utimes", (fs) => fs.utimes(pathOf(key), now / 1_000, now / 1_000)),
    stat: (key: CacheKey) => disk.stat(pathOf(key)),
  }
}
