import { createHash } from "node:crypto"
import { Clock, Context, Effect, Option, Scope } from "effect"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { CacheError, EntryTooLarge, whenGone } from "./CacheError.ts"
import { type CacheKey, keyVersion } from "./CacheKey.ts"
import type { Disk, OpenFile } from "./Disk.ts"
import type { EntryWriter } from "./Entry.ts"
import { rehash } from "./EntryChecksum.ts"
import type { EntryFolders } from "./EntryFolders.ts"
import { encodeFooter, maxFooterBytes, type Metadata } from "./EntryFormat.ts"

/** A writer whose `commit` also tells the size in bytes of the file that is now the entry, and its identity, where that was asked for. */
export interface FileWriter extends Omit<EntryWriter, "commit"> {
  readonly commit: (
    ...args: Parameters<EntryWriter["commit"]>
  ) => Effect.Effect<
    { readonly metadata: Metadata; readonly identity: string | undefined; readonly size: number },
    CacheError
  >
}

interface Options {
  readonly disk: Disk
  readonly folders: EntryFolders
  readonly scratch: ScratchFolder
  readonly maxBytes: number
  readonly keptBytes: number
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

/**
 * Up to so many bytes, nearly all of which the flight has in memory anyway, nothing is written before all is there, and then at once. A speech
 * of seven seconds at 22 kHz is within it. Tests put their own in its place.
 */
export const KeptBytes = Context.Reference<number>("aviary/cache/KeptBytes", { defaultValue: () => 327_680 })

/** What ends the file, if it fits. */
const footerOf = Effect.fnUntraced(function* (metadata: Metadata, maxBytes: number) {
  const footer = encodeFooter(metadata)
  if (Option.isNone(footer)) return yield* CacheError.broken("the metadata does not fit the footer")
  const total = metadata.length + footer.value.length
  if (total > maxBytes) return yield* new CacheError({ reason: new EntryTooLarge({ bytes: total, limit: maxBytes }) })
  return { footer: footer.value, total }
})

/** All of the file is on the disk afterwards, and is as long as it should be. */
const secured = Effect.fnUntraced(function* (file: OpenFile, total: number) {
  yield* file.sync
  const { size, identity } = yield* file.stat
  if (size !== total) return yield* CacheError.broken(`the file has ${size} bytes instead of ${total}`)
  return { identity, size }
})

/** What is in a file, as it is appended. */
const inFile = (temp: string, file: OpenFile) => {
  const hash = createHash("sha256")
  return {
    temp,
    file,
    append: Effect.fnUntraced(function* (bytes: Uint8Array) {
      yield* file.write(bytes)
      hash.update(bytes)
    }),
    /** The checksum of its `length` bytes, the first of them being `head`. */
    sealed: (length: number, head: Uint8Array | undefined) => {
      const given = hash.digest("hex")
      return head === undefined ? Effect.succeed(given) : rehash(file, length, given, head)
    },
  }
}

/** What is in memory, `described.length` bytes of it, is written and becomes the entry. */
const commitKept = Effect.fnUntraced(function* (
  { folders, maxBytes, scratch }: Options,
  kept: ReadonlyArray<Uint8Array>,
  described: Omit<Metadata, "sha256">,
  head: Uint8Array | undefined,
) {
  const { key, length } = described
  const file = Buffer.allocUnsafeSlow(length + maxFooterBytes)
  let at = 0
  for (const bytes of kept) {
    file.set(bytes, at)
    at += bytes.length
  }
  if (head !== undefined) file.set(head)
  const metadata: Metadata = {
    ...described,
    sha256: createHash("sha256").update(file.subarray(0, length)).digest("hex"),
  }
  const { footer, total } = yield* footerOf(metadata, maxBytes)
  file.set(footer, length)
  const write = Effect.flatMap(Effect.mapError(scratch.next, CacheError.fromPlatform), (temp) =>
    folders.write(temp, key, file.subarray(0, total)),
  )
  // Someone removed the folder under us.
  yield* whenGone(() => Effect.andThen(scratch.lost, write))(write)
  return { metadata, identity: undefined, size: total }
})

export const openWriter = Effect.fnUntraced(function* (
  options: Options,
  key: CacheKey,
): Effect.fn.Return<FileWriter, CacheError, Scope.Scope> {
  const { folders, scratch, maxBytes, keptBytes } = options
  const scope = yield* Effect.scope
  const state = { committed: false }
  const kept: Array<Uint8Array> = []
  let onDisk: ReturnType<typeof inFile> | undefined
  let length = 0
  let whole = true

  const openFile = Effect.suspend(() =>
    openTemp(options, state).pipe(
      // Someone removed the folder under us.
      whenGone(() => Effect.andThen(scratch.lost, openTemp(options, state))),
      Scope.provide(scope),
    ),
  )
  const moveToDisk = Effect.fnUntraced(function* () {
    const { temp, file } = yield* openFile
    const moved = inFile(temp, file)
    if (length > 0) yield* moved.append(Buffer.concat(kept))
    kept.length = 0
    return (onDisk = moved)
  })

  /** What is in the file already becomes the entry. */
  const commitFile = Effect.fnUntraced(function* (
    { file, sealed, temp }: NonNullable<typeof onDisk>,
    described: Omit<Metadata, "sha256">,
    head: Uint8Array | undefined,
  ) {
    const metadata: Metadata = { ...described, sha256: yield* sealed(length, head) }
    const { footer, total } = yield* footerOf(metadata, maxBytes)
    yield* file.write(footer)
    // Listeners who read the file from its beginning get the old head or the new one, never some of both: they read more at a time.
    if (head !== undefined) yield* file.rewrite(head)
    const stamp = yield* secured(file, total)
    yield* folders.place(temp, key)
    state.committed = true
    yield* folders.settle(key)
    return { metadata, ...stamp }
  })

  return {
    append: Effect.fnUntraced(function* (bytes) {
      const before = whole
      whole = false
      if (onDisk === undefined && length + bytes.length <= keptBytes) kept.push(bytes)
      else yield* (onDisk ?? (yield* moveToDisk())).append(bytes)
      length += bytes.length
      whole = before
    }),
    read: (position, wanted) => {
      const end = Math.min(length, position + wanted)
      return onDisk === undefined
        ? Effect.sync(() => Buffer.concat(kept).subarray(position, end))
        : onDisk.file.read(position, Math.max(0, end - position))
    },
    commit: Effect.fnUntraced(function* (description, head) {
      if (!whole) return yield* CacheError.broken("some of the audio was not written")
      if (length === 0) return yield* CacheError.broken("an entry cannot be empty")
      const created = yield* Clock.currentTimeMillis
      const described = { ...description, key, keyVersion, length, created }
      return yield* onDisk === undefined
        ? commitKept(options, kept, described, head)
        : commitFile(onDisk, described, head)
    }),
  }
})
