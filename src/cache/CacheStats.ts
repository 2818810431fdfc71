import { Schema } from "effect"

const bytes = (description: string) => Schema.Int.annotate({ description: `${description}, in bytes.` })

/** What the cache holds, and what became of entries since the gateway started. */
export const CacheStats = Schema.Struct({
  enabled: Schema.Boolean,
  entries: Schema.Int,
  bytes: bytes("Size of all entries on disk"),
  maxBytes: bytes("`AVIARY_CACHE_MAX_BYTES`"),
  memoryEntries: Schema.Int,
  memoryBytes: bytes("Size of the hot entries that are also in memory"),
  broken: Schema.Int.annotate({ description: "Entries found cut or altered, and removed." }),
  evicted: Schema.Int.annotate({ description: "Entries removed to keep within the limits of bytes and age." }),
  scanned: Schema.Boolean.annotate({
    description: "Whether the directory has been read in full since the start. Before that, the counts are too low.",
  }),
})
export type CacheStats = typeof CacheStats.Type
