import { Context, type Effect, Layer, type Option, type Scope, type Stream } from "effect"
import { makeFiles } from "./AtomicCacheFiles.ts"
import { makeMemory } from "./AtomicCacheMemory.ts"
import type { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { CacheStats } from "./CacheStats.ts"
import type { Entry, EntryWriter } from "./Entry.ts"
import type { Description, Metadata } from "./EntryFormat.ts"

/**
 * Speech that was made once. A key that answers here answers with complete, verified bytes.
 *
 * - `enabled`: false when the settings allow no bytes; then `get` finds nothing and nothing is to be committed.
 * - `knows`: whether this gateway has met an entry under the key, without a look at the disk, where there may be another's
 * - `get`: trouble with the disk is no entry.
 * - `write`: trouble with the disk is a `CacheError`, on which the caller goes on without.
 * - `put`: the same for an entry of `pieces` that are all there, with a writer's `commit`; none of it is in a file before.
 * - `remove`: whether there was such an entry.
 * - `purge`: how many entries were removed.
 * - `list`: what is on disk, by key; an entry whose metadata cannot be read is left out.
 * - `listAfter`: the same without those up to `key`, whether that exists or not.
 */
export class AtomicCache extends Context.Service<
  AtomicCache,
  {
    readonly enabled: boolean
    readonly knows: (key: CacheKey) => boolean
    readonly get: (key: CacheKey) => Effect.Effect<Option.Option<Entry>, never, Scope.Scope>
    readonly write: (key: CacheKey) => Effect.Effect<EntryWriter, CacheError, Scope.Scope>
    readonly put: (
      key: CacheKey,
      pieces: ReadonlyArray<Uint8Array>,
      description: Description,
      head: Uint8Array | undefined,
    ) => Effect.Effect<Metadata, CacheError>
    readonly remove: (key: CacheKey) => Effect.Effect<boolean, CacheError>
    readonly purge: Effect.Effect<number, CacheError>
    readonly list: Stream.Stream<Metadata, CacheError>
    readonly listAfter: (key: CacheKey) => Stream.Stream<Metadata, CacheError>
    readonly stats: Effect.Effect<CacheStats>
  }
>()("aviary/cache/AtomicCache") {
  /** Over files, in the directory and within the limits that `Settings` names. */
  static readonly layer = Layer.effect(AtomicCache, makeFiles)

  /** Over nothing: entries last as long as the layer. For tests, and for programs that want no disk. */
  static readonly layerMemory = Layer.effect(AtomicCache, makeMemory)
}
