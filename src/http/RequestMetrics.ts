import { Effect, Metric } from "effect"
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

/** Counts a request that is over. */
export const countRequest = Effect.fnUntraced(function* (line: EndedRequest) {
  const { code, request, response } = line
  const route = line.route ?? noRoute
  const ended = endOf(line)
  const seconds = (line.endedAt - line.startedAt) / 1_000
  const labels = { method: request.method, route, status: String(response.status), ended }
  yield* Metric.update(Metric.withAttributes(Metrics.httpRequests, labels), 1)
  yield* Metric.update(Metric.withAttributes(Metrics.httpSeconds, { route }), seconds)
  yield* Metric.update(Metric.withAttributes(Metrics.httpBytes, { route }), line.bytes)

  if (code !== undefined) yield* Metric.update(Metric.withAttributes(Metrics.errors, { code }), 1)
  if (request.method === "POST" && route === transcriptionRoute && response.status < 400) {
    yield* Metric.update(Metric.withAttributes(Metrics.transcriptions, { ended }), 1)
  }

  const cache = response.headers["x-cache"]
  if (cache === undefined || request.method !== "POST") return
  const toFirstAudio = (line.answeredAt - line.startedAt) / 1_000
  yield* Metric.update(Metric.withAttributes(Metrics.speeches, { cache, ended }), 1)
  yield* Metric.update(Metric.withAttributes(Metrics.firstAudioSeconds, { cache }), toFirstAudio)
})
