import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { EngineId } from "../health/EngineId.ts"
import { EngineReport, ProbeReport, RestartReport, SuspectedRecording } from "../health/EngineReport.ts"
import { TimelineEvent } from "../health/TimelineEvent.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { knownFieldsOnly } from "./OperatorFields.ts"
import { unixMillis } from "../telemetry/UnixMillis.ts"

/** The last day of one engine; of each kind of event it has the members that such an event has. */
const EngineTimeline = Schema.Struct({
  engine: EngineId,
  since: unixMillis.annotate({ description: "Nothing is known of what was before." }),
  now: unixMillis,
  events: Schema.Array(TimelineEvent).annotate({
    description: "Oldest first; the last 1,000 at most, of the last 24 hours.",
  }),
  recoveries: Schema.Array(Schema.Struct({ at: unixMillis, millis: Schema.Finite })).annotate({
    description: "When it was healthy again, and how long after the first sign of its wedge.",
  }),
}).annotate({ identifier: "EngineTimeline" })
export type EngineTimeline = typeof EngineTimeline.Type

const params = { engine: EngineId }

const needsReason = { message: "expected a reason of 1 to 500 characters" }
const payload = Schema.Struct({
  reason: Schema.String.annotate({ ...needsReason, description: "Why; for the log and the journal." }).check(
    Schema.isPattern(/\S/, needsReason),
    Schema.isMaxLength(500, needsReason),
  ),
})

const Removed = Schema.Struct({ removed: Schema.Int })

/** The engines and the recordings kept from them, as their operator sees them. */
export class AdminEnginesGroup extends HttpApiGroup.make("adminEngines")
  .add(
    HttpApiEndpoint.get("list", "/admin/engines", {
      success: Schema.Struct({ engines: Schema.Array(EngineReport) }),
    }).annotateMerge(OpenApi.annotations({ summary: "State and history of all engines, each under its own id" })),
    HttpApiEndpoint.get("timeline", "/admin/engines/:engine/timeline", {
      params,
      success: EngineTimeline,
      error: errorsWith(400),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "States, probes and restarts of the last 24 hours",
        description: "As far as this gateway runs for so long.",
      }),
    ),
    HttpApiEndpoint.post("probe", "/admin/engines/:engine/probe", {
      params,
      success: ProbeReport,
      error: errorsWith(400),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Probe an engine now",
        description: "Answers when the probe is done; joins one that is under way. A confirmed wedge is acted upon.",
      }),
    ),
    HttpApiEndpoint.post("restart", "/admin/engines/:engine/restart", {
      params,
      payload,
      success: RestartReport,
      error: errorsWith(400, 409, 429, 502, 503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Restart an engine",
        description: "Within the budget. Answers when the backend is done; the engine then loads and is probed.",
      }),
    ),
    HttpApiEndpoint.post("restore", "/admin/engines/:engine/restore", {
      params,
      payload,
      success: EngineReport,
      error: errorsWith(400, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Give an engine all its restarts back" })),
    HttpApiEndpoint.get("quarantine", "/admin/quarantine", {
      success: Schema.Struct({ recordings: Schema.Array(SuspectedRecording) }),
    }).annotateMerge(OpenApi.annotations({ summary: "Recordings that were in flight at a wedge" })),
    HttpApiEndpoint.delete("forgive", "/admin/quarantine/:content", {
      params: { content: Schema.String },
      success: Removed,
    }).annotateMerge(OpenApi.annotations({ summary: "Forgive one recording" })),
    HttpApiEndpoint.delete("forgiveAll", "/admin/quarantine", { success: Removed }).annotateMerge(
      OpenApi.annotations({ summary: "Forgive all recordings" }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(knownFieldsOnly)
  .annotateMerge(OpenApi.annotations({ title: "Admin: engines" })) {}
