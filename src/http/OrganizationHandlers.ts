import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Billing } from "../billing/Billing.ts"
import type { UsageQuery, UsageRow } from "../billing/Operations.ts"
import { Api } from "../contract/Api.ts"
import { ApiError } from "../contract/ApiError.ts"
import { Settings } from "../Settings.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { Models } from "./Models.ts"
import { makeRoomErrors } from "./RoomErrors.ts"
import { usageBuckets } from "./UsageBuckets.ts"

type Lists<N extends string> = { readonly [K in N | `${N}[]`]?: ReadonlyArray<string> | undefined }

/** What was asked for under a name, with brackets or without; null if nothing. */
const listed = <N extends string>(query: Lists<N>, name: N): ReadonlyArray<string> | null => {
  const found = [...(query[name] ?? []), ...(query[`${name}[]`] ?? [])]
  return found.length === 0 ? null : found
}

type Members = Pick<UsageQuery, "groupBy" | "kind" | "accountIds" | "keyIds" | "models">

const requestsOf = (row: UsageRow) => ({
  num_model_requests: row.requests,
  project_id: row.accountId,
  user_id: null,
  api_key_id: row.keyId,
  model: row.model,
})

const quantityOf = (row: UsageRow) => {
  if (row.kind === null) return { line_item: null, quantity: null, quantity_unit: null }
  return row.kind === "speech"
    ? { line_item: `${row.model}, text to speech`, quantity: row.characters, quantity_unit: "characters" as const }
    : { line_item: `${row.model}, speech to text`, quantity: row.seconds, quantity_unit: "duration_seconds" as const }
}

/** `/v1/organization`. */
export const OrganizationHandlers = HttpApiBuilder.group(
  Api,
  "organization",
  Effect.fnUntraced(function* (handlers) {
    const billing = yield* Billing
    const models = yield* Models
    const settings = yield* Settings
    const told = makeRoomErrors(settings)

    const report = Effect.fnUntraced(
      function* <A>(
        asked: Parameters<typeof usageBuckets>[0],
        most: number | undefined,
        members: Members,
        toResult: (row: UsageRow) => A,
      ) {
        const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const buckets = usageBuckets(asked, now, most)
        if (buckets instanceof ApiError) return yield* buckets
        const { starts, width, from, until, nextPage } = buckets
        const span = { from: from * 1000, until: until * 1000, bucketMillis: width * 1000 }
        const rows = starts.length === 0 ? [] : yield* Effect.mapError(billing.usage({ ...members, ...span }), told)
        const results = Map.groupBy(rows, (row) => row.bucketStart / 1000)
        return {
          object: "page" as const,
          data: starts.map((start) => ({
            object: "bucket" as const,
            start_time: start,
            end_time: start + width,
            results: (results.get(start) ?? []).map(toResult),
          })),
          has_more: nextPage !== null,
          next_page: nextPage,
        }
      },
      Effect.catch((error) => Effect.succeed(errorResponse(error))),
    )

    type UsageAsked = Lists<"project_ids" | "user_ids" | "api_key_ids" | "models" | "group_by">

    const usageMembers = (query: UsageAsked, kind: "speech" | "transcription"): Members => {
      const by = listed(query, "group_by") ?? []
      return {
        kind,
        groupBy: [
          ...(by.includes("project_id") ? (["account"] as const) : []),
          ...(by.includes("api_key_id") ? (["key"] as const) : []),
          ...(by.includes("model") ? (["model"] as const) : []),
        ],
        // No entry is a user's.
        accountIds: listed(query, "user_ids") === null ? listed(query, "project_ids") : [],
        keyIds: listed(query, "api_key_ids"),
        // Entries name the engine, whatever the client called it. A name that is no alias may be of an engine that was here before.
        models: listed(query, "models")?.map(models.engineOf) ?? null,
      }
    }

    const costMembers = (query: Lists<"project_ids" | "api_key_ids" | "group_by">): Members => {
      const by = listed(query, "group_by") ?? []
      return {
        kind: null,
        groupBy: [
          ...(by.includes("project_id") ? (["account"] as const) : []),
          ...(by.includes("api_key_id") ? (["key"] as const) : []),
          ...(by.includes("line_item") ? (["kind", "model"] as const) : []),
        ],
        accountIds: listed(query, "project_ids"),
        keyIds: listed(query, "api_key_ids"),
        models: null,
      }
    }

    return handlers
      .handle("speeches", ({ query }) =>
        report(query, undefined, usageMembers(query, "speech"), (row) => ({
          object: "organization.usage.audio_speeches.result" as const,
          characters: row.characters,
          ...requestsOf(row),
        })),
      )
      .handle("transcriptions", ({ query }) =>
        report(query, undefined, usageMembers(query, "transcription"), (row) => ({
          object: "organization.usage.audio_transcriptions.result" as const,
          seconds: row.seconds,
          ...requestsOf(row),
        })),
      )
      .handle("costs", ({ query }) =>
        report(query, 180, costMembers(query), (row) => ({
          object: "organization.costs.result" as const,
          amount: { value: row.amount / 1_000_000, currency: settings.currency },
          ...quantityOf(row),
          project_id: row.accountId,
          api_key_id: row.keyId,
        })),
      )
  }),
)
