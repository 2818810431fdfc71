import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { CacheStats } from "../cache/CacheStats.ts"
import { Metadata } from "../cache/EntryFormat.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { integer, knownFieldsOnly } from "./OperatorFields.ts"

const CacheReport = CacheStats.annotate({ identifier: "CacheReport" })

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
      },
      success: CacheEntries,
      error: errorsWith(400, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "List entries, by key" })),
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
