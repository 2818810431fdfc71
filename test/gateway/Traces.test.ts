/**
 * Every request is one trace, from its head to the last byte of its answer, that shows where its time went and never what was said.
 * Whatever becomes of the collector, no request fails or waits for it.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import type { ServerResponse } from "node:http"
import { type AddressInfo, connect, createServer, type Server } from "node:net"
import { type CollectedSpan, startCollector } from "../support/collector.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { countedNim } from "../support/countedNim.ts"

const secret = "a sentence that no trace may repeat"
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/** A way to the engine that remembers what the gateway wrote on it. */
const overheard = Effect.fnUntraced(function* (engine: URL) {
  let written = ""
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const listening = createServer((socket) => {
        const onward = connect(Number(engine.port), engine.hostname)
        socket.on("data", (bytes) => (written += bytes.toString("latin1")))
        for (const end of [socket, onward]) end.on("error", () => (socket.destroy(), onward.destroy()))
        socket.pipe(onward).pipe(socket)
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) => Effect.sync(() => listening.close()),
  )
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, written: () => written }
})

const started = Effect.fnUntraced(function* (collector: string, settings: Record<string, string> = {}) {
  const fs = yield* FileSystem.FileSystem
  const nim = yield* countedNim({})
  const engine = yield* overheard(nim.url)
  const gateway = yield* startProcess({
    AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-traces-" }),
    AVIARY_MAGPIE_URL: engine.url,
    AVIARY_PARAKEET_URL: nim.url.href,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "50",
    OTEL_BLRP_SCHEDULE_DELAY: "50",
    OTEL_METRIC_EXPORT_INTERVAL: "200",
    ...settings,
  })
  return { ...gateway, engine: engine.written }
})

const speak = (url: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: "tts-1", voice: "alloy", input: secret, response_format: "wav" }),
    })
    return {
      status: response.status,
      cache: response.headers.get("x-cache"),
      bytes: (await response.arrayBuffer()).byteLength,
    }
  })

const seen = <A>(find: () => A | undefined) =>
  Effect.sync(find).pipe(
    Effect.repeat({ until: (found) => found !== undefined, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("60 seconds"),
    Effect.map(() => find()!),
  )

interface Trace {
  readonly root: CollectedSpan
  readonly all: ReadonlyArray<CollectedSpan>
}

const orphans = ({ root, all }: Trace) =>
  all
    .filter((span) => span !== root && !all.some(({ spanId }) => spanId === span.parentSpanId))
    .map(({ name, parentSpanId }) => `${name} of ${parentSpanId}`)

/** Those of one trace, once all have come. */
const traceOf = (spans: () => ReadonlyArray<CollectedSpan>, cache: string) =>
  seen((): Trace | undefined => {
    const now = spans()
    const root = now.find(({ attributes, kind }) => kind === 2 && attributes["aviary.cache"] === cache)
    if (root === undefined) return undefined
    const trace = { root, all: now.filter(({ traceId }) => traceId === root.traceId) }
    return orphans(trace).length === 0 ? trace : undefined
  })

/** The share of `root`'s time during which one of its children was under way. */
const covered = (root: CollectedSpan, all: ReadonlyArray<CollectedSpan>): number => {
  let [until, sum] = [root.start, 0n]
  const children = all.filter(({ parentSpanId }) => parentSpanId === root.spanId)
  for (const { start, end } of children.toSorted((a, b) => Number(a.start - b.start))) {
    if (end <= until) continue
    sum += end - (start > until ? start : until)
    until = end
  }
  return Number(sum) / Number(root.end - root.start)
}

layer(NodeServices.layer, { excludeTestServices: true })("Traces", (it) => {
  it.effect("a speech is one trace from the front door to its settlement, and a hit a shorter one", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const { url, engine } = yield* started(collector.url)
      expect(yield* speak(url, { traceparent })).toMatchObject({ status: 200, cache: "MISS" })
      expect(yield* speak(url)).toMatchObject({ status: 200, cache: "HIT" })

      const miss = yield* traceOf(collector.spans, "MISS")
      expect(miss.root).toMatchObject({
        name: "POST /v1/audio/speech",
        traceId: "0af7651916cd43dd8448eb211c80319c",
        parentSpanId: "b7ad6b7169203331",
        resource: { "service.name": "aviary" },
        attributes: {
          "http.request.method": "POST",
          "http.route": "/v1/audio/speech",
          "http.response.status_code": 200,
          "aviary.ended": "whole",
        },
      })
      expect(miss.root.attributes["aviary.first_audio_seconds"]).toBeGreaterThan(0)
      const names = miss.all.map(({ name }) => name)
      for (const name of [
        "Access.authenticate",
        "AtomicCache.get",
        "Billing.reserve",
        "Flight.fly",
        "MagpieClient.synthesize",
        "Flight.commit",
        "http.body",
        "Billing.settle",
      ])
        expect(names).toContain(name)
      expect(orphans(miss)).toEqual([])
      expect(miss.all.find(({ name }) => name === "Flight.fly")?.attributes).toMatchObject({
        "aviary.characters": secret.length,
        "aviary.audio_seconds": expect.any(Number),
      })
      // The engine goes on in the same trace, below the call to it.
      const call = miss.all.find(({ name, kind }) => kind === 3 && name === "POST")
      expect(engine()).toContain(`traceparent: 00-${miss.root.traceId}-${call?.spanId}-01`)

      const hit = yield* traceOf(collector.spans, "HIT")
      expect(hit.root.parentSpanId).toBeUndefined()
      expect(hit.all.map(({ name }) => name)).not.toContain("MagpieClient.synthesize")
      expect(collector.bodies.map(({ body }) => body).join("")).not.toContain(secret)
    }),
  )

  it.effect("the parts of a request are its whole time, but for moments", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const { url } = yield* started(collector.url)
      const shares: Array<number> = []
      // A busy machine lets moments pass between two parts: one undisturbed request will do.
      for (let round = 0; round < 10 && !shares.some((share) => share > 0.8); round++) {
        const before = collector.spans().filter(({ kind }) => kind === 2).length
        yield* speak(url, { "cache-control": "no-store" })
        yield* seen(() => (collector.spans().filter(({ kind }) => kind === 2).length > before ? true : undefined))
        const root = collector.spans().findLast(({ kind }) => kind === 2)!
        shares.push(covered(root, collector.spans()))
      }
      expect(Math.max(...shares)).toBeGreaterThan(0.8)
    }),
  )

  it.effect("what is not sampled is not told, whoever decided so", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const { url } = yield* started(collector.url, { OTEL_TRACES_SAMPLER: "parentbased_always_off" })
      yield* speak(url)
      yield* speak(url, { traceparent: traceparent.replace(/01$/, "00") })
      yield* speak(url, { traceparent })
      const sampled = yield* seen(() => collector.spans().find(({ kind }) => kind === 2))
      expect(sampled.traceId).toBe("0af7651916cd43dd8448eb211c80319c")
      expect(new Set(collector.spans().map(({ traceId }) => traceId)).size).toBe(1)
      yield* seen(() => collector.bodies.find(({ path }) => path === "/v1/metrics"))
      yield* seen(() => collector.bodies.find(({ path }) => path === "/v1/logs"))
    }),
  )

  const troubles: ReadonlyArray<[string, (response: ServerResponse) => void]> = [
    ["hangs up", (response) => response.destroy()],
    ["refuses", (response) => response.writeHead(503).end()],
    ["never answers", () => {}],
  ]
  it.effect.each(troubles)("a collector that %s costs one line in the log and nothing else", ([, answer]) =>
    Effect.gen(function* () {
      const collector = yield* startCollector(answer)
      const gateway = yield* started(collector.url, { OTEL_EXPORTER_OTLP_TIMEOUT: "300" })
      for (let one = 0; one < 5; one++) expect(yield* speak(gateway.url)).toMatchObject({ status: 200 })
      const lines = () => gateway.output().match(/are not exported for now/g) ?? undefined
      yield* seen(lines)
      for (let one = 0; one < 5; one++) expect(yield* speak(gateway.url)).toMatchObject({ status: 200 })
      expect(lines()).toHaveLength(1)
      gateway.signal("SIGTERM")
      expect(yield* gateway.exited).toMatchObject({ code: 0 })
    }),
  )
})
