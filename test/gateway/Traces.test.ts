/**
 * Every request is one trace, from its head to the last byte of its answer, that shows where its time went and never what was said.
 * Whatever becomes of the collector, no request fails or waits for it.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { readFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { type AddressInfo, connect, createServer, type Server } from "node:net"
import { fileURLToPath } from "node:url"
import { type CollectedSpan, startCollector } from "../support/collector.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { fakeSampleRate, fakeSamplesPerCharacter } from "../support/nim.ts"
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
  return { ...gateway, engine: engine.written, nim }
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

const recording = fileURLToPath(new URL("../support/audio/sense-and-sensibility-0930.wav", import.meta.url))

const transcribe = (url: string) =>
  Effect.promise(async () => {
    const form = new FormData()
    form.append("model", "whisper-1")
    form.append("file", new Blob([await readFile(recording)]), "a name that no trace may repeat.wav")
    const response = await fetch(`${url}/v1/audio/transcriptions`, {
      method: "POST",
      headers: { traceparent },
      body: form,
    })
    return { status: response.status, text: ((await response.json()) as { readonly text: string }).text }
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

/** No part begins before what it is a part of, and nothing of a request goes on when it is over. */
const outside = ({ all, root }: Trace) =>
  all
    .filter(({ end, parentSpanId, start }) => {
      const of = all.find(({ spanId }) => spanId === parentSpanId)
      return end > root.end || (of !== undefined && start < of.start)
    })
    .map(({ name }) => name)

/** Whether each part is over before the next begins. */
const inTurn = ({ all }: Trace, names: ReadonlyArray<string>) =>
  names.slice(1).flatMap((name, index) => {
    const [before, after] = [names[index], name].map((one) => all.find((span) => span.name === one))
    return before !== undefined && after !== undefined && before.end <= after.start ? [] : [`${names[index]}, ${name}`]
  })

/** Those of one trace, once all have come. */
const traceOf = (spans: () => ReadonlyArray<CollectedSpan>, cache: string) =>
  seen((): Trace | undefined => {
    const now = spans()
    const root = now.find(({ attributes, kind }) => kind === 2 && attributes["aviary.cache"] === cache)
    if (root === undefined) return undefined
    const trace = { root, all: now.filter(({ traceId }) => traceId === root.traceId) }
    return orphans(trace).length === 0 ? trace : undefined
  })

/** The share of the request's time during which some part of it was under way, of those that have no parts themselves. */
const covered = ({ all, root }: Trace): number => {
  let [until, sum] = [root.start, 0n]
  const leaves = all.filter(({ spanId }) => !all.some(({ parentSpanId }) => parentSpanId === spanId))
  for (const { start, end } of leaves.toSorted((a, b) => Number(a.start - b.start))) {
    if (end <= until) continue
    sum += end - (start > until ? start : until)
    until = end
  }
  return Number(sum) / Number(root.end - root.start)
}

/** Who joins a speech under way has a trace of its own, which shows that it waited and what it got. */
const joining = Effect.fnUntraced(function* (url: string, spans: () => ReadonlyArray<CollectedSpan>) {
  const fresh = speak(url, { "cache-control": "no-cache" })
  const both = yield* Effect.all([fresh, fresh], { concurrency: 2 })
  expect(new Set(both.map(({ cache }) => cache))).toEqual(new Set(["COALESCED", "MISS"]))
  const joined = yield* traceOf(spans, "COALESCED")
  expect(outside(joined)).toEqual([])
  for (const part of ["Billing.reserve", "Flights.join"])
    expect(inTurn(joined, ["Access.authenticate", part, "Billing.settle"])).toEqual([])
  expect(joined.all.map(({ name }) => name)).not.toContain("Flight.fly")
  expect(joined.root.attributes).toMatchObject({
    "aviary.characters": secret.length,
    "aviary.audio_seconds": expect.closeTo((secret.length * fakeSamplesPerCharacter) / fakeSampleRate, 2),
    "aviary.ended": "whole",
  })
})

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
          "aviary.engine": "magpie",
          "aviary.characters": secret.length,
          "aviary.audio_seconds": expect.closeTo((secret.length * fakeSamplesPerCharacter) / fakeSampleRate, 2),
          "gen_ai.request.model": "tts-1",
        },
      })
      for (const key of ["aviary.first_audio_seconds", "aviary.real_time_factor"])
        expect(miss.root.attributes[key]).toBeGreaterThan(0)
      const names = miss.all.map(({ name }) => name)
      for (const name of [
        "Access.authenticate",
        "AtomicCache.get",
        "Billing.reserve",
        "Flights.join",
        "Flight.fly",
        "EngineGuard.turn",
        "MagpieClient.synthesize",
        "Encoders.encode",
        "Flight.commit",
        "http.body",
        "Billing.settle",
      ])
        expect(names).toContain(name)
      expect(orphans(miss)).toEqual([])
      expect(miss.all.find(({ name }) => name === "EngineGuard.turn")?.attributes["aviary.engine"]).toBe("magpie")
      expect(miss.all.find(({ name }) => name === "Encoders.encode")?.attributes).toMatchObject({
        "aviary.format": "wav",
        "aviary.encoder_seconds": expect.any(Number),
      })
      expect(miss.all.find(({ name }) => name === "Flight.fly")?.attributes).toMatchObject({
        "aviary.characters": secret.length,
        "aviary.audio_seconds": expect.any(Number),
      })
      // The engine goes on in the same trace, below the call to it.
      const call = miss.all.find(({ name, kind }) => kind === 3 && name === "POST")
      expect(engine()).toContain(`traceparent: 00-${miss.root.traceId}-${call?.spanId}-01`)

      const hit = yield* traceOf(collector.spans, "HIT")
      expect(hit.root.parentSpanId).toBeUndefined()
      expect(hit.root.attributes).toMatchObject({
        "aviary.characters": secret.length,
        "aviary.audio_seconds": miss.root.attributes["aviary.audio_seconds"],
        "aviary.real_time_factor": expect.any(Number),
        "aviary.ended": "whole",
      })
      expect(hit.all.map(({ name }) => name)).not.toContain("MagpieClient.synthesize")
      expect(collector.bodies.map(({ body }) => body).join("")).not.toContain(secret)
    }),
  )

  it.effect("the parts of a speech come in turn, one within the other, and are its whole time but for moments", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const { nim, url } = yield* started(collector.url)
      // Of whom nothing is known yet has its hold first. What is cold is over by then.
      const firstId = "0af7651916cd43dd8448eb211c803109"
      yield* speak(url, { traceparent: traceparent.replace(/-[^-]{32}-/, `-${firstId}-`) })
      const first = yield* traceOf(() => collector.spans().filter((span) => span.traceId === firstId), "MISS")
      const made = ["EngineGuard.turn", "MagpieClient.synthesize", "Flight.commit"]
      expect(inTurn(first, ["Access.authenticate", "Billing.reserve", ...made, "Billing.settle"])).toEqual([])
      // The engine takes its time: half a second and more.
      yield* nim.setFaults([{ kind: "slow", millis: 15 }])
      const shares: Array<number> = []
      // A busy machine lets moments pass between two parts: one undisturbed request will do.
      for (let round = 0; round < 10 && !shares.some((share) => share > 0.8); round++) {
        const traceId = `0af7651916cd43dd8448eb211c8031${round + 10}`
        yield* speak(url, {
          "cache-control": "no-cache",
          traceparent: traceparent.replace(/-[^-]{32}-/, `-${traceId}-`),
        })
        const trace = yield* traceOf(() => collector.spans().filter((span) => span.traceId === traceId), "MISS")
        expect(outside(trace)).toEqual([])
        expect(inTurn(trace, ["Access.authenticate", "http.speech", "http.body"])).toEqual([])
        // Who has no limit has its hold made beside the engine's work.
        expect(inTurn(trace, ["Access.authenticate", ...made, "Billing.settle"])).toEqual([])
        expect(inTurn(trace, ["Access.authenticate", "Billing.reserve", "Billing.settle"])).toEqual([])
        expect(inTurn(trace, ["EngineGuard.turn", "Encoders.encode", "Flight.commit"])).toEqual([])
        shares.push(covered(trace))
      }
      expect(Math.max(...shares)).toBeGreaterThan(0.8)

      yield* nim.setFaults([{ kind: "slow", millis: 60 }])
      yield* joining(url, collector.spans)
    }),
  )

  it.effect("a transcription is one trace from its upload to its settlement", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const { url } = yield* started(collector.url)
      const { status, text } = yield* transcribe(url)
      expect(status).toBe(200)
      const trace = yield* traceOf(collector.spans, "BYPASS")
      expect(trace.root).toMatchObject({
        name: "POST /v1/audio/transcriptions",
        traceId: "0af7651916cd43dd8448eb211c80319c",
        parentSpanId: "b7ad6b7169203331",
        attributes: {
          "gen_ai.request.model": "whisper-1",
          "aviary.characters": text.length,
          "aviary.audio_seconds": 3.29,
          "aviary.engine": "parakeet",
          "aviary.ended": "whole",
        },
      })
      for (const key of ["aviary.real_time_factor", "aviary.first_text_seconds"])
        expect(trace.root.attributes[key]).toBeGreaterThan(0)
      expect(orphans(trace)).toEqual([])
      expect(outside(trace)).toEqual([])
      const names = [
        "Access.authenticate",
        "http.receive",
        "AudioDecoder.decode",
        "Billing.reserve",
        "EngineGuard.turn",
        "ParakeetClient.transcribe",
        "Billing.settle",
        "http.body",
      ]
      expect(inTurn(trace, names)).toEqual([])
      const bodies = collector.bodies.map(({ body }) => body).join("")
      expect(bodies).not.toContain("no trace may repeat")
      expect(bodies).not.toContain(text)
    }),
  )

  it.effect("what is not sampled is not told, whoever decided so", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const { url, engine } = yield* started(collector.url, { OTEL_TRACES_SAMPLER: "parentbased_always_off" })
      yield* speak(url)
      expect(engine()).toMatch(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r$/im)
      yield* speak(url, { traceparent: traceparent.replace(/01$/, "00"), "cache-control": "no-store" })
      expect(engine()).toMatch(/^traceparent: 00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00\r$/im)
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
