import { Schema } from "effect"
import { EngineState } from "./EngineState.ts"
import { unixMillis } from "../telemetry/UnixMillis.ts"

/** One thing that happened to an engine; `detail` says why, or what was found. */
export const TimelineEvent = Schema.Struct({
  at: unixMillis,
  kind: Schema.Literals(["state", "probe", "restart"]),
  from: Schema.optionalKey(EngineState.annotate({ description: "Of a change of state." })),
  to: Schema.optionalKey(EngineState.annotate({ description: "Of a change of state." })),
  outcome: Schema.optionalKey(Schema.String.annotate({ description: "Of a probe or restart." })),
  durationMillis: Schema.optionalKey(Schema.Finite.annotate({ description: "Of a probe or restart." })),
  detail: Schema.String,
}).annotate({ identifier: "EngineTimelineEvent" })
export type TimelineEvent = typeof TimelineEvent.Type
