import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { EngineState } from "../health/EngineState.ts"

const EngineReadiness = Schema.Struct({
  ready: Schema.Boolean,
  model: Schema.String,
  state: EngineState.annotate({
    description:
      "What probes and requests have shown. Requests are refused while it is wedged, restarting, recovering or exhausted.",
  }),
  reason: Schema.optionalKey(Schema.String).annotate({ description: "Why it is not ready, in a word." }),
})

const engines = Schema.Struct({ magpie: EngineReadiness, parakeet: EngineReadiness })

const example = { ready: true, model: "flite", state: "healthy" } as const

export const Ready = Schema.Struct({ status: Schema.tag("ready"), engines }).annotate({
  identifier: "Ready",
  examples: [{ status: "ready", engines: { magpie: example, parakeet: { ...example, model: "moonshine-tiny" } } }],
})

export const Unready = Schema.Struct({ status: Schema.tag("unready"), engines })
  .annotate({
    identifier: "Unready",
    examples: [
      {
        status: "unready",
        engines: {
          magpie: example,
          parakeet: { ready: false, model: "parakeet-tdt-0.6b-v2", state: "wedged", reason: "EngineWedged" },
        },
      },
    ],
  })
  .pipe(HttpApiSchema.status(503))

/** Never behind a key, and never a bare `OK`: some clients take that for another server. */
export class HealthGroup extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("live", "/health/live", {
      success: Schema.Struct({ status: Schema.tag("live") }),
    }).annotateMerge(
      OpenApi.annotations({ summary: "Is the gateway up?", description: "Answered without touching an engine." }),
    ),
    HttpApiEndpoint.get("ready", "/health/ready", { success: [Ready, Unready] }).annotateMerge(
      OpenApi.annotations({
        summary: "Would a request be served?",
        description:
          "Asks both engines whether they take calls, for at most two seconds. 503 if one does not, or if a probe has found it wedged.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Health" })) {}
