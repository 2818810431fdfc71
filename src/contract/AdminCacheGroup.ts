import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { contentTypeOf, formatNames } from "../audio/format/AudioFormat.ts"
import { CacheStats } from "../cache/CacheStats.ts"
import { Metadata } from "../cache/EntryFormat.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { integer, knownFieldsOnly } from "./OperatorFields.ts"
import { unixMillis } from "../telemetry/UnixMillis.ts"

const CacheReport = CacheStats.annotate({ identifier: "CacheReport" })
export type CacheReport = typeof CacheReport.Type

const { characters, contentType, created, durationMs, length, sha256, voice } = Metadata.fields

/** One committed speech. Its text is not kept. */
const CacheEntry = Schema.Struct({
  key: Schema.String,
  contentType,
  length,
  durationMs,
  characters,
  voice,
  sha256,
  created,
}).annotate({ identifier: "CacheEntry" })
export type CacheEntry = typeof CacheEntry.Type

const CacheVoices = Schema.Struct({
  voices: Schema.Array(
    Schema.Struct({
      voice: Schema.String,
      entries: Schema.Int,
      bytes: Schema.Int,
      durationMs: Schema.Finite,
      characters: Schema.Int,
      oldest: unixMillis,
      newest: unixMillis,
    }),
  ).annotate({ description: "The one with most bytes first." }),
  complete: Schema.Boolean.annotate({ description: "Whether all entries are counted: the first 100,000 are." }),
  savings: Schema.Struct({
    calls: Schema.Int.annotate({ description: "Speeches that needed no engine: hits and coalesced." }),
    characters: Schema.Int.annotate({ description: "Code points of their texts." }),
    amount: Schema.Int.annotate({
      description: "What they would have cost more as misses, in micro-units, at the prices of now.",
    }),
  }).annotate({ description: "Of the last 31 days." }),
  currency: Schema.String,
}).annotate({ identifier: "CacheVoices" })
export type CacheVoices = typeof CacheVoices.Type

const order = Schema.Literals(["key", "newest", "oldest"]).annotate({
  message: 'expected one of "key", "newest", "oldest"',
  description: "Default `key`, the only order that can be paged through with `after`. The others read every entry.",
})

const CacheEntries = Schema.Struct({
  entries: Schema.Array(CacheEntry),
  hasMore: Schema.Boolean,
}).annotate({ identifier: "CacheEntries" })

/** How many entries were removed. */
const Removed = Schema.Struct({ removed: Schema.Int }).annotate({ identifier: "Removed" })

/** The cache as its operator sees it. */
export class AdminCacheGroup extends HttpApiGroup.make("adminCache")
  .add(
    HttpApiEndpoint.get("stats", "/admin/cache", { success: CacheReport }).annotateMerge(
      OpenApi.annotations({ summary: "What the cache holds" }),
    ),
    HttpApiEndpoint.get("list", "/admin/cache/entries", {
      query: {
        limit: Schema.optionalKey(
          integer(1, 1_000).annotate({ description: "Entries of a page, 1 to 1,000. Default 100." }),
        ),
        after: Schema.optionalKey(Schema.String).annotate({ description: "The last key of the page before." }),
        voice: Schema.optionalKey(Schema.String).annotate({ description: "Only entries of this voice." }),
        order: Schema.optionalKey(order),
      },
      success: CacheEntries,
      error: errorsWith(400, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "List entries" })),
    HttpApiEndpoint.get("voices", "/admin/cache/voices", {
      success: CacheVoices,
      error: errorsWith(503),
    }).annotateMerge(OpenApi.annotations({ summary: "What the cache holds by voice, and what it saves" })),
    HttpApiEndpoint.get("audio", "/admin/cache/entries/:key/audio", {
      params: { key: Schema.String },
      success: HttpApiSchema.StreamUint8Array({ contentType: formatNames.map(contentTypeOf) }),
      error: errorsWith(404),
    }).annotateMerge(OpenApi.annotations({ summary: "Hear an entry", description: "Whosever it is. Not charged." })),
    HttpApiEndpoint.delete("remove", "/admin/cache/entries/:key", {
      params: { key: Schema.String },
      success: Removed,
      error: errorsWith(404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Remove one entry" })),
    HttpApiEndpoint.delete("purge", "/admin/cache/entries", { success: Removed, error: errorsWith(503) }).annotateMerge(
      OpenApi.annotations({
        summary: "Remove all entries",
        description: "Speech that is being made or sent goes on. Other gateways on the same directory lose theirs too.",
      }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(knownFieldsOnly)
  .annotateMerge(OpenApi.annotations({ title: "Admin: cache" })) {}
