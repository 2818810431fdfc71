import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { ConfigProvider, Duration, Effect, Layer, References, Tracer } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest } from "effect/http"
import { Otlp, OtlpSerialization } from "effect/observability"
import { readOtel, type SamplerName } from "./OtelVariables.ts"
import { sampled, samplerOf } from "./Sampling.ts"
import { version } from "./Version.ts"

/** What the specification has for variables that are not set. Effect's modules export nothing unless `otlp` is said. */
const defaults = ConfigProvider.fromUnknown({
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp",
  OTEL_SERVICE_NAME: "aviary",
  OTEL_SERVICE_VERSION: version,
})

/** Exports that may wait for a collector. Beyond, one that does not answer would hold ever more spans in memory. */
const mostAtOnce = 4

/** Of the specification, in milliseconds. */
const defaultTimeout = "10000"

const failed = (request: HttpClientRequest.HttpClientRequest, description: string) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, description }) })

/** Not tried again, but left alone for a minute. */
const tooMany = (request: HttpClientRequest.HttpClientRequest) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.EncodeError({ request, description: `${mostAtOnce} exports have not been answered` }),
  })

const why = (error: HttpClientError.HttpClientError): string => {
  const { reason } = error
  const cause = "cause" in reason ? reason.cause : undefined
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined
  return reason.description ?? code ?? (cause instanceof Error ? cause.message : error.message)
}

/** Within a time, a few at once, and with one line in the log when it begins to fail and one when it works again. */
const bounded = (client: HttpClient.HttpClient, timeout: Duration.Duration): HttpClient.HttpClient => {
  let underWay = 0
  let failing = false
  const noteFailure = (collector: string, because: string) =>
    Effect.suspend(() => {
      if (failing) return Effect.void
      failing = true
      return Effect.logWarning("Traces, metrics and logs are not exported for now; requests are not affected").pipe(
        Effect.annotateLogs({ collector: new URL(collector).origin, why: because }),
      )
    })
  const noteSuccess = Effect.suspend(() => {
    if (!failing) return Effect.void
    failing = false
    return Effect.logInfo("Traces, metrics and logs are exported again")
  })
  return HttpClient.transform(client, (answer, request) =>
    Effect.suspend(() => {
      if (underWay >= mostAtOnce) return Effect.fail(tooMany(request))
      underWay += 1
      return answer.pipe(
        // All of it: a collector may send a head and then nothing.
        Effect.tap((response) => response.arrayBuffer),
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(failed(request, `no answer within ${Duration.format(timeout)}`)),
        }),
        Effect.tap(({ status }) => (status < 300 ? noteSuccess : noteFailure(request.url, `it answered ${status}`))),
        Effect.ensuring(Effect.sync(() => (underWay -= 1))),
      )
    }).pipe(Effect.tapError((error) => noteFailure(request.url, why(error)))),
  )
}

const off = Layer.succeed(References.TracerEnabled, false)

/**
 * Exports traces, metrics and logs to the collector that OpenTelemetry's standard variables name. Without one no span is made at all.
 * Whatever becomes of an export, no request waits for it or fails.
 */
export const layer = Layer.unwrap(
  Effect.map(readOtel, (set) => {
    const endpoints = ["", "TRACES_", "METRICS_", "LOGS_"].map((signal) =>
      set.get(`OTEL_EXPORTER_OTLP_${signal}ENDPOINT`),
    )
    if (set.get("OTEL_SDK_DISABLED") === "true" || endpoints.every((one) => one === undefined)) return off
    const timeout = Duration.millis(Number(set.get("OTEL_EXPORTER_OTLP_TIMEOUT") ?? defaultTimeout))
    const http = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, (client) => bounded(client, timeout)),
    ).pipe(Layer.provide(NodeHttpClient.layerUndici))
    const written =
      set.get("OTEL_EXPORTER_OTLP_PROTOCOL") === "http/json"
        ? OtlpSerialization.layerJson
        : OtlpSerialization.layerProtobuf
    const sampler = samplerOf(
      (set.get("OTEL_TRACES_SAMPLER") as SamplerName | undefined) ?? "parentbased_always_on",
      Number(set.get("OTEL_TRACES_SAMPLER_ARG") ?? "1"),
    )
    const exporting = Otlp.layerFromConfig().pipe(Layer.provide([http, written, ConfigProvider.layerAdd(defaults)]))
    if (set.get("OTEL_TRACES_EXPORTER") === "none") return Layer.merge(exporting, off)
    return Layer.effect(
      Tracer.Tracer,
      Effect.map(Tracer.Tracer, (tracer) => sampled(tracer, sampler)),
    ).pipe(Layer.provideMerge(exporting))
  }),
)
