import { createHash } from "node:crypto"
import { Effect } from "effect"
import { CacheError } from "./CacheError.ts"
import type { OpenFile } from "./Disk.ts"
import type { Metadata } from "./EntryFormat.ts"
import { sliceBytes } from "./Slice.ts"

/** Reads all of the audio, in slices that leave the event loop free, and fails unless it is what was committed. */
export const verify = Effect.fnUntraced(function* (
  { file, metadata }: { readonly file: OpenFile; readonly metadata: Metadata },
  onSlice: (slice: Uint8Array) => void,
) {
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
export const rehash = Effect.fnUntraced(function* (file: OpenFile, length: number, sha256: string, head: Uint8Array) {
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
