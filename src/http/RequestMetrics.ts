import { type Context, Effect, Metric } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import { Errors } from "../contract/Errors.ts"
import { endOf, type EndedRequest } from "./RequestLog.ts"

/** Paths that no route answers are one: scanners must not make a series each. */
const noRoute = "none"

const transcriptionRoute = "/v1/audio/transcriptions"

/** Makes the counter of every error code exist at 0. */
export const startErrorCounters = Effect.forEach(
  new Set(Object.values(Errors).map(({ description }) => description.code)),
  (code) => Metric.update(Metric.withAttributes(Metrics.errors, { code }), 0),
  { discard: true },
)

/** Counts a request that is over, in the metrics of `context`. */
export const countRequest = (line: EndedRequest, context: Context.Context<never>): void => {
  const { code, request, response } = line
  const route = line.route ?? noRoute
  const ended = endOf(line)
  const seconds = (line.endedAt - line.startedAt) / 1_000
  const count = (metric: Parameters<typeof Metrics.seriesOf>[0], attributes: Record<string, string>, value = 1) =>
    Metrics.seriesOf(metric, attributes).updateUnsafe(value, context)

  count(Metrics.httpRequests, { method: request.method, route, status: String(response.status), ended })
  count(Metrics.httpSeconds, { route }, seconds)
  count(Metrics.httpBytes, { route }, line.bytes)

  if (code !== undefined) count(Metrics.errors, { code })
  if (request.method === "POST" && route === transcriptionRoute && response.status < 400) {
    count(Metrics.transcriptions, { ended })
  }

  const cache = response.headers["x-cache"]
  if (cache === undefined || request.method !== "POST") return
  count(Metrics.speeches, { cache, ended })
  count(Metrics.firstAudioSeconds, { cache }, (line.answeredAt - line.startedAt) / 1_000)
}
