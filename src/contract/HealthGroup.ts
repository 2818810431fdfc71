import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { EngineState } from "../health/EngineState.ts"
import { errorsWith } from "./ErrorEnvelope.ts"

/** What is asked about: the gateway as one address, or one half of what it does. */
const ReadyFor = Schema.Literals(["speech", "transcription"]).annotate({
  message: 'expected one of "speech", "transcription"',
})
type ReadyFor = typeof ReadyFor.Type

const EngineReadiness = Schema.Struct({
  ready: Schema.Boolean,
  model: Schema.String,
  state: EngineState.annotate({
    description:
      "What probes and requests have shown. Requests are refused while it is wedged, restarting, recovering or exhausted.",
  }),
  reason: Schema.optionalKey(Schema.String).annotate({ description: "Why it is not ready, in a word." }),
  fallback: Schema.optionalKey(Schema.String).annotate({
    description: "The model inside that answers in its place until it is ready again, where AVIARY_FALLBACK says so.",
  }),
})

const engines = Schema.Struct({ magpie: EngineReadiness, parakeet: EngineReadiness })

const reason = Schema.optionalKey(Schema.String).annotate({
  description: "Why not, in a word: the system's own, such as ENOSPC or EROFS, or DiskFull, LedgerFull, TimedOut.",
})
const Writable = Schema.Struct({ ready: Schema.Boolean, reason })

const storage = Schema.Struct({
  ledger: Writable.annotate({
    description:
      "Whether anybody can be charged. If not, nothing is served, but what is in the cache where AVIARY_UNBILLED_HITS says so.",
  }),
  data: Writable.annotate({
    description: "Whether uploads can be written to the data directory. If not, the gateway is unready.",
  }),
  cache: Writable.annotate({ description: "Whether entries can be written. If not, requests are served uncached." }),
})
const writable = { ledger: { ready: true }, data: { ready: true }, cache: { ready: true } } as const

const example = { ready: true, model: "flite", state: "healthy" } as const

export const Ready = Schema.Struct({ status: Schema.tag("ready"), engines, storage }).annotate({
  identifier: "Ready",
  examples: [
    {
      status: "ready",
      engines: { magpie: example, parakeet: { ...example, model: "moonshine-base" } },
      storage: writable,
    },
  ],
})

const out = { ready: false, model: "parakeet-tdt-0.6b-v2", state: "wedged", reason: "EngineWedged" } as const

export const Degraded = Schema.Struct({ status: Schema.tag("degraded"), engines, storage }).annotate({
  identifier: "Degraded",
  description:
    "One half works, the other does not, or is answered by its fallback. Still 200: a balancer must not take away what works.",
  examples: [{ status: "degraded", engines: { magpie: example, parakeet: out }, storage: writable }],
})

export const Unready = Schema.Struct({ status: Schema.tag("unready"), engines, storage })
  .annotate({
    identifier: "Unready",
    examples: [
      {
        status: "unready",
        engines: { magpie: { ...out, model: "magpie-tts-multilingual" }, parakeet: out },
        storage: writable,
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
    HttpApiEndpoint.get("ready", "/health/ready", {
      query: {
        for: Schema.optional(ReadyFor).annotate({
          description:
            "`speech` or `transcription`: whether that half works. Left out: whether the gateway is worth sending anything.",
        }),
      },
      success: [Ready, Degraded, Unready],
      error: errorsWith(400),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Would a request be served?",
        description:
          "Asks both engines whether they take calls, for at most two seconds. An engine is out if it does not, or if a probe has found it wedged; what has a fallback is served all the same, and counts as degraded. Three questions: without `for` it is 503 only when both are out; with `for=speech` or `for=transcription` when that half is. With any of them it is 503 while the ledger or the data directory cannot be written to. A balancer in front of the whole gateway asks the first, one that has a pool for each route the other two.",
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Health" })) {}
