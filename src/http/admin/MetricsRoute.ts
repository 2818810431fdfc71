import { Effect, Layer, Metric, Redacted } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiSecurity } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { Errors } from "../../contract/Errors.ts"
import { keepSecret } from "../../telemetry/Secrets.ts"
import { DeepHealth } from "../../health/DeepHealth.ts"
import type { EngineReport } from "../../health/EngineReport.ts"
import { Fleet } from "../../health/Fleet.ts"
import { EngineState, isAsleep, isUsable } from "../../health/EngineState.ts"
import { Settings } from "../../Settings.ts"
import * as Metrics from "../../telemetry/Metrics.ts"
import { AdminToken, matching } from "../access/AdminToken.ts"
import { errorResponse } from "../ErrorAnswers.ts"
import { startErrorCounters } from "../RequestRecord.ts"

/** `GET /metrics`, in Prometheus' text format 0.0.4, for whom `AVIARY_METRICS` names. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { metrics, metricsToken } = yield* Settings
    const { matches } = yield* AdminToken
    if (metricsToken !== undefined) keepSecret(Redacted.value(metricsToken))
    const isMetricsToken = metricsToken === undefined ? () => false : matching(metricsToken)
    const deepHealth = yield* DeepHealth
    if (metrics === "off") return Layer.empty
    const engines = (yield* Fleet).members.map(({ id }) => id)
    yield* Metrics.startCounters({ engines, engineStates: EngineState.literals })
    yield* startErrorCounters

    const measured = Effect.gen(function* () {
      yield* Effect.flatMap(deepHealth.status, Effect.forEach(measureEngine))
      yield* measureProcess
      return HttpServerResponse.text(yield* PrometheusMetrics.format(), {
        contentType: "text/plain; version=0.0.4; charset=utf-8",
        headers: { "cache-control": "no-store" },
      })
    })
    const forAdmin = Effect.flatMap(HttpApiBuilder.securityDecode(HttpApiSecurity.bearer), (presented) =>
      matches(presented) || isMetricsToken(presented) ? measured : Effect.succeed(errorResponse(Errors.adminOnly())),
    )
    return HttpRouter.add("GET", "/metrics", metrics === "open" ? measured : forAdmin)
  }),
)

const measureEngine = Effect.fnUntraced(function* (report: EngineReport) {
  const { engine, waiting, working, budget } = report
  const set = (gauge: Metric.Metric<number, unknown>, value: number) =>
    Metric.update(Metric.withAttributes(gauge, { engine }), value)
  yield* set(Metrics.engineWaiting, waiting)
  yield* set(Metrics.engineWorking, working)
  yield* set(Metrics.engineRestartsLeft, budget.left)
  yield* set(Metrics.engineUsable, isUsable(report.state) || isAsleep(report.state) ? 1 : 0)
  for (const state of EngineState.literals) {
    const value = state === report.state ? 1 : 0
    yield* Metric.update(Metric.withAttributes(Metrics.engineState, { engine, state }), value)
  }
})

const startedAt = Date.now() / 1_000 - process.uptime()
let cpuBefore = 0

const measureProcess = Effect.gen(function* () {
  const { user, system } = process.cpuUsage()
  const cpu = (user + system) / 1e6
  yield* Metric.update(Metrics.cpuSeconds, cpu - cpuBefore)
  cpuBefore = cpu
  yield* Metric.update(Metrics.residentBytes, process.memoryUsage.rss())
  yield* Metric.update(Metrics.startSeconds, startedAt)
})
