import { Clock, Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Billing } from "../../billing/Billing.ts"
import type { UsageQuery, UsageRow } from "../../billing/Operations.ts"
import { Api } from "../../contract/Api.ts"
import { ApiError } from "../../contract/ApiError.ts"
import { Settings } from "../../Settings.ts"
import { makeAnswer } from "../ErrorAnswers.ts"
import { Models } from "../audio/Models.ts"
import { usageBuckets } from "./UsageBuckets.ts"

type Lists<N extends string, A = string> = { readonly [K in N | `${N}[]`]?: ReadonlyArray<A> | undefined }

/** What was asked for under a name, with brackets or without; null if nothing. */
const listed = <N extends string, A>(query: Lists<N, A>, name: N): ReadonlyArray<A> | null => {
  const found = [...(query[name] ?? []), ...(query[`${name}[]`] ?? [])]
  return found.length === 0 ? null : found
}

/** What OpenAI groups by, as the ledger calls it. */
const columns = {
  project_id: ["account"],
  user_id: [],
  api_key_id: ["key"],
  model: ["model"],
  line_item: ["kind", "model"],
} as const satisfies Record<string, UsageQuery["groupBy"]>

type GroupBy = Lists<"group_by", keyof typeof columns>

const groupBy = (query: GroupBy): UsageQuery["groupBy"] =>
  (listed(query, "group_by") ?? []).flatMap((name) => columns[name])

type Members = Pick<UsageQuery, "groupBy" | "kind" | "accountIds" | "keyIds" | "models">

const costMembers = (query: Lists<"project_ids" | "api_key_ids"> & GroupBy): Members => ({
  kind: null,
  groupBy: groupBy(query),
  accountIds: listed(query, "project_ids"),
  keyIds: listed(query, "api_key_ids"),
  models: null,
})

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
export const OrganizationHandlers = handlersOf(
  Api,
  "organization",
  Effect.fnUntraced(function* (handlers) {
    const billing = yield* Billing
    const models = yield* Models
    const { currency } = yield* Settings
    const answer = yield* makeAnswer

    const report = Effect.fnUntraced(function* <A>(
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
      const rows = starts.length === 0 ? [] : yield* billing.usage({ ...members, ...span })
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
    }, answer)

    type UsageAsked = Lists<"project_ids" | "user_ids" | "api_key_ids" | "models"> & GroupBy

    const usageMembers = (query: UsageAsked, kind: "speech" | "transcription"): Members => ({
      kind,
      groupBy: groupBy(query),
      // No entry is a user's.
      accountIds: listed(query, "user_ids") === null ? listed(query, "project_ids") : [],
      keyIds: listed(query, "api_key_ids"),
      // Entries name the engine, whatever the client called it. A name that is no alias may be of an engine that was here before.
      models: listed(query, "models")?.map(models.engineOf) ?? null,
    })

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
          amount: { value: row.amount / 1_000_000, currency },
          ...quantityOf(row),
          project_id: row.accountId,
          api_key_id: row.keyId,
        })),
      )
  }),
)
