import { type Effect, Stream } from "effect"
import type { CacheError } from "./CacheError.ts"
import type { Description, Metadata } from "./EntryFormat.ts"

/** Bytes `start` up to but not including `end`, within the audio. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * A committed entry, open as long as the scope it was got in: eviction or replacement does not disturb its reader.
 *
 * @property whole all of the audio, where it is in memory anyway; not to be altered
 * @property bytes the audio, or a range of it; fails rather than ends early. May be run more than once.
 */
export interface Entry {
  readonly metadata: Metadata
  readonly whole?: Uint8Array | undefined
  readonly bytes: (range?: ByteRange) => Stream.Stream<Uint8Array, CacheError>
}

/** An entry all of which is in memory. */
export const entryInMemory = (metadata: Metadata, whole: Uint8Array): Entry => ({
  metadata,
  whole,
  bytes: (range) => Stream.make(range === undefined ? whole : whole.subarray(range.start, range.end)),
})

/**
 * A file that is not an entry yet. Leaving its scope without `commit` removes it; after it, the file stays readable
 * until the scope is left.
 *
 * - `append`: one at a time
 * - `read`: bytes appended so far, at most `length` from `position`; safe beside `append`
 * - `commit`: makes the entry visible, at once and whole, in place of any older one of its key. Once, and last. With `head`,
 *   the entry begins with it in place of as many bytes: a header that tells a length is known only now
 */
export interface EntryWriter {
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, CacheError>
  readonly read: (position: number, length: number) => Effect.Effect<Uint8Array, CacheError>
  readonly commit: (description: Description, head?: Uint8Array) => Effect.Effect<Metadata, CacheError>
}
