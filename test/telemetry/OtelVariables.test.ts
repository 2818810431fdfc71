import { expect, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { readOtel } from "../../src/telemetry/OtelVariables.ts"

const read = (env: Record<string, string>) =>
  Effect.provideService(readOtel, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

it.effect("takes what the specification has, and an empty value for none", () =>
  Effect.gen(function* () {
    const found = yield* read({
      OTEL_EXPORTER_OTLP_ENDPOINT: " http://collector:4318/otel ",
      OTEL_EXPORTER_OTLP_PROTOCOL: "",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_SOMETHING_ELSE: "as it is",
    })
    expect(Object.fromEntries(found)).toEqual({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/otel",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    })
  }),
)

it.effect.each([
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "the http or https URL of a collector"],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "file:///etc/passwd", "the http or https URL of a collector"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf, http/json"],
  ["OTEL_TRACES_SAMPLER", "sometimes", "always_on"],
  ["OTEL_TRACES_SAMPLER_ARG", "1.5", "a number from 0 to 1"],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "a whole number of milliseconds"],
  ["OTEL_SDK_DISABLED", "yes", "true, false"],
] as const)("%s=%s is refused in one line that says what it accepts", ([name, value, accepts]) =>
  Effect.gen(function* () {
    const { message } = yield* Effect.flip(read({ [name]: value }))
    expect(message).toContain(`${name}=${JSON.stringify(value)} is not valid: it accepts ${accepts}`)
  }),
)

it.effect("a password in a URL is not repeated", () =>
  Effect.gen(function* () {
    const { message } = yield* Effect.flip(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://me:hunter2@collector" }))
    expect(message).toContain("<hidden>@collector")
    expect(message).not.toContain("hunter2")
  }),
)
