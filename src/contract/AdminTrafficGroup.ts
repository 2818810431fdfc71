import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { History, RequestReport, RequestUnderWay } from "../telemetry/TrafficReport.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { integer, knownFieldsOnly } from "./OperatorFields.ts"

const RequestList = Schema.Struct({
  underWay: Schema.Array(RequestUnderWay),
  recent: Schema.Array(RequestReport).annotate({ description: "The last 200 that ended, oldest first." }),
  codes: Schema.Array(Schema.Struct({ code: Schema.String, count: Schema.Int })).annotate({
    description: "How often each error was answered since the gateway started.",
  }),
}).annotate({ identifier: "RequestList" })

const resolution = Schema.Literals(["10s", "1m"]).annotate({
  message: 'expected one of "10s", "1m"',
  description: "`10s`: the last hour by ten seconds, the default. `1m`: the last day by minutes.",
})

const from = integer(0, Number.MAX_SAFE_INTEGER).annotate({
  description: "Unix milliseconds: only stretches that begin then or later.",
})

/**
 * What the gateway is doing and has done of late, without a word of what was said. Kept in memory of a fixed size since the start, with
 * `AVIARY_CONSOLE=on`.
 */
export class AdminTrafficGroup extends HttpApiGroup.make("adminTraffic")
  .add(
    HttpApiEndpoint.get("requests", "/admin/requests", { success: RequestList }).annotateMerge(
      OpenApi.annotations({ summary: "Requests under way, and the last that ended" }),
    ),
    HttpApiEndpoint.get("history", "/admin/history", {
      query: { resolution: Schema.optionalKey(resolution), from: Schema.optionalKey(from) },
      success: History,
      error: errorsWith(400),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Rates, times and memory of the last hour or day",
        description: "A column for each thing measured, a row for each stretch of time.",
      }),
    ),
    HttpApiEndpoint.get("live", "/admin/live", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
      error: errorsWith(503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "What happens, as it happens",
        description:
          "Server-sent events, each second where something has changed: `requests` (`underWay`, and those of `recent` that are new), `history` (stretches of ten seconds that are new), `engines` (as `/admin/engines`, without its histories). Goes on until the client leaves; at most 32 may listen at a time.",
      }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(knownFieldsOnly)
  .annotateMerge(OpenApi.annotations({ title: "Admin: traffic" })) {}
