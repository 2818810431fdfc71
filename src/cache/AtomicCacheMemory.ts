import { createHash } from "node:crypto"
import { Clock, Effect, Option, Stream } from "effect"
import type { AtomicCache } from "./AtomicCache.ts"
import { CacheError } from "./CacheError.ts"
import { type CacheKey, keyVersion } from "./CacheKey.ts"
import { type Entry, entryInMemory } from "./Entry.ts"
import type { Metadata } from "./EntryFormat.ts"

/** `AtomicCache` without a disk. Bounded by nothing but the layer's life. */
export const makeMemory = Effect.sync((): AtomicCache["Service"] => {
  const entries = new Map<CacheKey, { readonly metadata: Metadata; readonly bytes: Uint8Array }>()
  const listAfter = (after: string) =>
    Stream.suspend(() =>
      Stream.fromIterable(
        [...entries.keys()]
          .filter((key) => key > after)
          .toSorted()
          .map((key) => entries.get(key)!.metadata),
      ),
    )
  const put: AtomicCache["Service"]["put"] = Effect.fnUntraced(function* (key, pieces, description, head) {
    const bytes = new Uint8Array(Buffer.concat(pieces))
    if (bytes.length === 0) return yield* CacheError.broken("an entry cannot be empty")
    if (head !== undefined) bytes.set(head)
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    const created = yield* Clock.currentTimeMillis
    const metadata = { ...description, key, keyVersion, length: bytes.length, sha256, created }
    entries.set(key, { metadata, bytes })
    return metadata
  })
  return {
    enabled: true,
    knows: (key) => entries.has(key),
    get: (key) =>
      Effect.sync(() => {
        const found = entries.get(key)
        if (found === undefined) return Option.none<Entry>()
        const { metadata, bytes } = found
        return Option.some(entryInMemory(metadata, bytes))
      }),
    put,
    write: (key) =>
      Effect.sync(() => {
        const chunks: Array<Uint8Array> = []
        return {
          append: (bytes) => Effect.sync(() => void chunks.push(Uint8Array.from(bytes))),
          read: (position, length) =>
            Effect.sync(() => new Uint8Array(Buffer.concat(chunks).subarray(position, position + length))),
          commit: (description, head) => put(key, chunks, description, head),
        }
      }),
    remove: (key) => Effect.sync(() => entries.delete(key)),
    purge: Effect.sync(() => {
      const { size } = entries
      entries.clear()
      return size
    }),
    list: listAfter(""),
    listAfter,
    stats: Effect.sync(() => ({
      enabled: true,
      entries: entries.size,
      bytes: [...entries.values()].reduce((sum, entry) => sum + entry.bytes.length, 0),
      maxBytes: Number.MAX_SAFE_INTEGER,
      memoryEntries: entries.size,
      memoryBytes: 0,
      broken: 0,
      evicted: 0,
      scanned: true,
    })),
  }
})
