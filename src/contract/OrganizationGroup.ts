import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { digits, integer } from "./OperatorFields.ts"

/** OpenAI's clients write `name[]=a&name[]=b`, its reference `name=a&name=b`. */
const list = <const N extends string, S extends Schema.Codec<string>>(named: N, member: S) => {
  const field = Schema.optionalKey(Schema.Array(member))
  return { [named]: field, [`${named}[]`]: field } as { readonly [K in N | `${N}[]`]: typeof field }
}

const groups = <const L extends ReadonlyArray<string>>(...names: L) =>
  Schema.Literals(names).annotate({ message: `expected one of ${names.map((name) => `"${name}"`).join(", ")}` })

const span = {
  start_time: integer(0, 10_000_000_000).annotate({
    description:
      "Unix seconds, inclusive. Buckets begin at whole UTC minutes, hours or days; the first is cut by this time, the last by `end_time`.",
  }),
  end_time: Schema.optionalKey(
    integer(0, 10_000_000_000).annotate({ description: "Unix seconds, exclusive. Default: now." }),
  ),
  page: Schema.optionalKey(Schema.String.annotate({ description: "`next_page` of the page before." })),
  ...list("project_ids", Schema.String),
  ...list("api_key_ids", Schema.String),
}

const whole = { message: "expected a whole number" }

const usageQuery = {
  ...span,
  bucket_width: Schema.optionalKey(groups("1m", "1h", "1d")),
  // How many there may be depends on the width: the handler says.
  limit: Schema.optionalKey(
    digits(whole).check(Schema.isInt(whole)).annotate({
      description: "Buckets of a page: 1 to 1,440 minutes, 168 hours or 31 days. Default 60, 24 or 7.",
    }),
  ),
  ...list("user_ids", Schema.String),
  ...list(
    "models",
    Schema.String.annotate({ description: "An engine's name, or an alias such as `tts-1` of the one there is now." }),
  ),
  ...list("group_by", groups("project_id", "user_id", "api_key_id", "model")),
}

const costsQuery = {
  ...span,
  bucket_width: Schema.optionalKey(groups("1d")),
  limit: Schema.optionalKey(integer(1, 180).annotate({ description: "Days of a page, 1 to 180. Default 7." })),
  ...list("group_by", groups("project_id", "line_item", "api_key_id")),
}

const page = <S extends Schema.Top>(result: S) =>
  Schema.Struct({
    object: Schema.tag("page"),
    data: Schema.Array(
      Schema.Struct({
        object: Schema.tag("bucket"),
        start_time: Schema.Int,
        end_time: Schema.Int,
        results: Schema.Array(result),
      }),
    ),
    has_more: Schema.Boolean,
    next_page: Schema.NullOr(Schema.String),
  })

const members = {
  num_model_requests: Schema.Int,
  project_id: Schema.NullOr(Schema.String),
  user_id: Schema.NullOr(Schema.String),
  api_key_id: Schema.NullOr(Schema.String),
  model: Schema.NullOr(Schema.String),
}

const Speeches = Schema.Struct({
  object: Schema.tag("organization.usage.audio_speeches.result"),
  characters: Schema.Int,
  ...members,
})

const Transcriptions = Schema.Struct({
  object: Schema.tag("organization.usage.audio_transcriptions.result"),
  seconds: Schema.Int,
  ...members,
})

const Costs = Schema.Struct({
  object: Schema.tag("organization.costs.result"),
  amount: Schema.Struct({ value: Schema.Finite, currency: Schema.String }),
  line_item: Schema.NullOr(Schema.String),
  project_id: Schema.NullOr(Schema.String),
  api_key_id: Schema.NullOr(Schema.String),
  quantity: Schema.NullOr(Schema.Finite),
  quantity_unit: Schema.NullOr(Schema.Literals(["characters", "duration_seconds"])),
})

const error = errorsWith(400, 503)

const description =
  "In OpenAI's shape. A project is an account; there are no users. Paid back charges are taken off where they were paid back."

/** What was used and charged, for what reads OpenAI's organization reports. */
export class OrganizationGroup extends HttpApiGroup.make("organization")
  .add(
    HttpApiEndpoint.get("speeches", "/v1/organization/usage/audio_speeches", {
      query: usageQuery,
      success: page(Speeches),
      error,
    }).annotateMerge(OpenApi.annotations({ summary: "Characters spoken", description })),
    HttpApiEndpoint.get("transcriptions", "/v1/organization/usage/audio_transcriptions", {
      query: usageQuery,
      success: page(Transcriptions),
      error,
    }).annotateMerge(OpenApi.annotations({ summary: "Seconds transcribed", description })),
    HttpApiEndpoint.get("costs", "/v1/organization/costs", {
      query: costsQuery,
      success: page(Costs),
      error,
    }).annotateMerge(OpenApi.annotations({ summary: "What was charged", description })),
  )
  .middleware(AdminAccess)
  .annotateMerge(OpenApi.annotations({ title: "Organization" })) {}
