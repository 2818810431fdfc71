import { createHash } from "node:crypto"
import { Clock, Effect, Option, type Scope } from "effect"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { CacheError, EntryTooLarge, whenGone } from "./CacheError.ts"
import { type CacheKey, keyVersion } from "./CacheKey.ts"
import type { Disk, OpenFile } from "./Disk.ts"
import type { EntryWriter } from "./Entry.ts"
import { rehash } from "./EntryChecksum.ts"
import type { EntryFolders } from "./EntryFolders.ts"
import { encodeFooter, type Metadata } from "./EntryFormat.ts"

/** A writer whose `commit` also tells the identity and size in bytes of the file that is now the entry. */
export interface FileWriter extends Omit<EntryWriter, "commit"> {
  readonly commit: (
    ...args: Parameters<EntryWriter["commit"]>
  ) => Effect.Effect<{ readonly metadata: Metadata; readonly identity: string; readonly size: number }, CacheError>
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

/** Ends the file with its footer, and begins it with `head`. All of it is on the disk afterwards. */
const finish = Effect.fnUntraced(function* (
  file: OpenFile,
  metadata: Metadata,
  head: Uint8Array | undefined,
  maxBytes: number,
) {
  const footer = encodeFooter(metadata)
  if (Option.isNone(footer)) return yield* CacheError.broken("the metadata does not fit the footer")
  const total = metadata.length + footer.value.length
  if (total > maxBytes) return yield* new CacheError({ reason: new EntryTooLarge({ bytes: total, limit: maxBytes }) })
  yield* file.write(footer.value)
  // Listeners who read the file from its beginning get the old head or the new one, never some of both: they read more at a time.
  if (head !== undefined) yield* file.rewrite(head)
  yield* file.sync
  const { size, identity } = yield* file.stat
  if (size !== total) return yield* CacheError.broken(`the file has ${size} bytes instead of ${total}`)
  return { metadata, identity, size }
})

export const openWriter = Effect.fnUntraced(function* (
  options: Options,
  key: CacheKey,
): Effect.fn.Return<FileWriter, CacheError, Scope.Scope> {
  const { folders, scratch, maxBytes } = options
  const state = { committed: false }
  const { temp, file } = yield* openTemp(options, state).pipe(
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
      const finished = yield* finish(file, { ...description, key, keyVersion, length, sha256, created }, head, maxBytes)
      yield* folders.place(temp, key)
      state.committed = true
      yield* folders.settle(key)
      return finished
    }),
  }
})
