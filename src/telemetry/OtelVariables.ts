import { Config, Effect, Option, Schema } from "effect"

/** A standard variable of OpenTelemetry has a value that cannot be used. `message` is the one line an operator sees. */
export class OtelError extends Schema.TaggedError<OtelError>()("OtelError", { message: Schema.String }) {}

interface Kind {
  readonly accepts: string
  readonly takes: (value: string) => boolean
}

const oneOf = (...values: ReadonlyArray<string>): Kind => ({
  accepts: values.join(", "),
  takes: (value) => values.includes(value),
})

const collector: Kind = {
  accepts: "the http or https URL of a collector, such as http://127.0.0.1:4318",
  takes: (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
}

const whole = (of: string): Kind => ({
  accepts: `a whole number of ${of}, 1 or more`,
  takes: (value) => /^[1-9]\d{0,9}$/.test(value),
})

const ratio: Kind = {
  accepts: "a number from 0 to 1",
  takes: (value) => /^(0|1|[01]?\.\d+|1\.0*)$/.test(value) && Number(value) <= 1,
}

export const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const

export type SamplerName = (typeof samplers)[number]

/**
 * The variables that are read, of those in OpenTelemetry's specification of environment variables (1.49). Of `grpc` the specification
 * says that it need not be there; every collector takes HTTP.
 */
const table: Readonly<Record<string, Kind>> = {
  OTEL_SDK_DISABLED: oneOf("true", "false"),
  OTEL_TRACES_EXPORTER: oneOf("otlp", "none"),
  OTEL_METRICS_EXPORTER: oneOf("otlp", "none"),
  OTEL_LOGS_EXPORTER: oneOf("otlp", "none"),
  OTEL_EXPORTER_OTLP_ENDPOINT: collector,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector,
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: collector,
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: collector,
  OTEL_EXPORTER_OTLP_PROTOCOL: oneOf("http/protobuf", "http/json"),
  OTEL_EXPORTER_OTLP_COMPRESSION: oneOf("gzip", "none"),
  OTEL_EXPORTER_OTLP_TIMEOUT: whole("milliseconds"),
  OTEL_BSP_SCHEDULE_DELAY: whole("milliseconds"),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: whole("spans"),
  OTEL_BLRP_SCHEDULE_DELAY: whole("milliseconds"),
  OTEL_METRIC_EXPORT_INTERVAL: whole("milliseconds"),
  OTEL_TRACES_SAMPLER: oneOf(...samplers),
  OTEL_TRACES_SAMPLER_ARG: ratio,
}

/** The variables that are set. A set but empty one counts as unset, as the specification wants. */
export const readOtel: Effect.Effect<ReadonlyMap<string, string>, OtelError> = Effect.gen(function* () {
  const found = new Map<string, string>()
  for (const [name, { accepts, takes }] of Object.entries(table)) {
    const written = yield* Effect.orElseSucceed(Config.option(Config.String(name)), () => Option.none<string>())
    const value = Option.getOrElse(written, () => "").trim()
    if (value === "") continue
    if (!takes(value))
      return yield* new OtelError({
        message: `${name}=${JSON.stringify(shown(value))} is not valid: it accepts ${accepts}.`,
      })
    found.set(name, value)
  }
  return found
})

/** A URL may hold a password. */
const shown = (value: string) => value.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1<hidden>@")
