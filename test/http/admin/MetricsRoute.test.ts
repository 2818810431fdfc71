import { expect, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Errors } from "../../../src/contract/Errors.ts"
import { EngineState } from "../../../src/health/EngineState.ts"
import * as Metrics from "../../../src/telemetry/Metrics.ts"
import { postSpeech } from "../../support/aviary.ts"
import { startGateway } from "../../support/gateway.ts"

const firstMetrics = fileURLToPath(new URL("../../support/firstMetrics.ts", import.meta.url))

// With spaces, as an operator's own may have.
const adminToken = "the operator's own"

const get = Effect.fnUntraced(function* (url: string, headers: Record<string, string> = {}) {
  const response = yield* Effect.promise(() => fetch(url, { headers }))
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text: yield* Effect.promise(() => response.text()),
  }
})

/** The value of the sample with exactly these labels, in whatever order; 0 while there is none. */
const sample = (text: string, name: string, labels: Record<string, string> = {}) => {
  const wanted = Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .toSorted()
  const line = text.split("\n").find((one) => {
    const [, id, inner = ""] = /^(\w+)(?:\{(.*)\})? /.exec(one) ?? []
    return id === name && wanted.join() === (inner === "" ? [] : inner.split(/,(?=\w+=)/)).toSorted().join()
  })
  return line === undefined ? 0 : Number(line.split(" ").at(-1))
}

it.live("counts requests by route, and speeches by how the cache served them", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const before = (yield* get(`${url}/metrics`)).text
    for (let i = 0; i < 3; i++) yield* Effect.flatMap(postSpeech(url), (r) => Effect.promise(() => r.arrayBuffer()))
    for (const path of ["/v1/models/tts-1", "/v1/models/whisper-1", "/wp-admin/a.php", "/wp-admin/b.php"]) {
      yield* get(url + path)
    }
    const { status, type, text } = yield* get(`${url}/metrics`)
    expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"])

    const more = (name: string, labels: Record<string, string>) =>
      sample(text, name, labels) - sample(before, name, labels)
    const ended = "whole"
    const speech = { method: "POST", route: "/v1/audio/speech", status: "200", ended }
    expect(more("aviary_http_requests_total", speech)).toBe(3)
    expect(more("aviary_http_response_bytes_total", { route: "/v1/audio/speech" })).toBe(12)
    expect(more("aviary_http_request_duration_seconds_count", { route: "/v1/audio/speech" })).toBe(3)
    expect(more("aviary_speeches_total", { cache: "MISS", ended })).toBe(3)
    expect(more("aviary_speech_first_audio_seconds_count", { cache: "MISS" })).toBe(3)
    expect(more("aviary_http_requests_total", { method: "GET", route: "/v1/models/:id", status: "200", ended })).toBe(2)
    expect(more("aviary_http_requests_total", { method: "GET", route: "none", status: "404", ended })).toBe(2)
    expect(text).not.toMatch(/wp-admin|whisper-1/)
  }),
)

it("every counter is there at 0 before its first event, with every value its attributes have", () => {
  const text = spawnSync(process.execPath, [firstMetrics], { encoding: "utf8" }).stdout
  const open: ReadonlyArray<unknown> = [Metrics.httpRequests, Metrics.httpBytes, Metrics.cpuSeconds]
  const counters = Object.values(Metrics).filter((one) => Metric.isMetric(one) && one.type === "Counter")
  expect(counters.length).toBeGreaterThan(15)
  for (const counter of counters.filter((one) => !open.includes(one))) {
    const { id } = counter as Metric.Counter<number>
    expect(text).toMatch(new RegExp(`^${id}(\\{.*\\})? 0$`, "m"))
  }
  for (const state of EngineState.literals) {
    expect(text).toMatch(new RegExp(`^aviary_engine_state_changes_total\\{.*state="${state}".*\\} 0$`, "m"))
  }
  for (const { description } of Object.values(Errors)) {
    expect(text).toContain(`aviary_errors_total{code="${description.code}"} 0`)
  }
})

it.live("counts transcripts, and errors by their codes", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const before = (yield* get(`${url}/metrics`)).text
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new File(["test"], "test.wav"))
    const post = (body: FormData) =>
      Effect.promise(async () => (await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body })).text())
    yield* post(form)
    form.set("model", "nobody")
    yield* post(form)
    const { text } = yield* get(`${url}/metrics`)
    const more = (name: string, labels: Record<string, string>) =>
      sample(text, name, labels) - sample(before, name, labels)
    expect(more("aviary_transcriptions_total", { ended: "whole" })).toBe(1)
    expect(more("aviary_errors_total", { code: "model_not_found" })).toBe(1)
  }),
)

it.live("a token of its own opens the metrics and nothing else; it is asked for on loopback too", () =>
  Effect.gen(function* () {
    const metricsToken = "for-prometheus-alone"
    const { url } = yield* startGateway({ settings: { adminToken, metricsToken } })
    const as = (token: string, path: string) => get(url + path, { authorization: `Bearer ${token}` })
    expect((yield* get(`${url}/metrics`)).status).toBe(401)
    expect((yield* as(`${metricsToken}s`, "/metrics")).status).toBe(401)
    expect((yield* as(metricsToken, "/metrics")).status).toBe(200)
    expect((yield* as(adminToken, "/metrics")).status).toBe(200)
    expect((yield* as(metricsToken, "/admin/engines")).status).toBe(401)
    expect((yield* as(adminToken, "/admin/engines")).status).toBe(200)
  }),
)

it.live("shows the engines and the process as they are now", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const { text } = yield* get(`${url}/metrics`)
    expect(sample(text, "aviary_engine_state", { engine: "parakeet", state: "unknown" })).toBe(1)
    expect(sample(text, "aviary_engine_state", { engine: "parakeet", state: "wedged" })).toBe(0)
    expect(sample(text, "aviary_engine_restarts_left", { engine: "magpie" })).toBe(3)
    expect(text).toMatch(/^# TYPE aviary_engine_waiting gauge$/m)
    expect(sample(text, "process_resident_memory_bytes")).toBeGreaterThan(10_000_000)
    expect(sample(text, "process_cpu_seconds_total")).toBeGreaterThan(0)
  }),
)

it.live("asks for the admin token where the setting says so", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { metrics: "admin", adminToken } })
    for (const headers of [{}, { authorization: "Bearer another" }, { authorization: `Basic ${adminToken}` }]) {
      const { status, text } = yield* get(`${url}/metrics`, headers)
      expect([status, JSON.parse(text)]).toMatchObject([401, { error: { code: "invalid_admin_token" } }])
    }
    const { status, text } = yield* get(`${url}/metrics`, { authorization: `Bearer ${adminToken}` })
    expect(status).toBe(200)
    expect(text).not.toContain(adminToken)
  }),
)

it.live("has no such route where it is off", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { metrics: "off" } })
    expect((yield* get(`${url}/metrics`)).status).toBe(404)
  }),
)
