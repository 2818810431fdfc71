import { expect, it } from "@effect/vitest"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Deferred, Effect, Layer, Logger, Option, References, Schema, Stream } from "effect"
import { HttpServerRequest } from "effect/http"
import { gzipSync } from "node:zlib"
import { ErrorEnvelope } from "../../src/contract/ErrorEnvelope.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineCut } from "../../src/upstream/EngineFailure.ts"
import { Speech } from "../../src/speech/Speech.ts"
import { speechOf, startGateway, transcribed, transcriptionOf, free } from "../support/gateway.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const hello = { model: "tts-1", input: "A secret sentence.", voice: "alloy" }

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  Effect.promise(() =>
    fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...headers } }),
  )
const get = (url: string, init: RequestInit = {}) => Effect.promise(() => fetch(url, init))
const json = (response: Response) =>
  Effect.map(
    Effect.promise(() => response.json()),
    Schema.decodeUnknownSync(ErrorEnvelope),
  )

it.live("every answer has a request id: the client's own if it is harmless, else a new one", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    for (const path of ["/v1/models", "/nope", "/docs", "/health/live"]) {
      expect((yield* get(url + path)).headers.get("x-request-id")).toMatch(/^req_/)
      const own = yield* get(url + path, { headers: { "x-request-id": "mine-1" } })
      expect(own.headers.get("x-request-id")).toBe("mine-1")
      expect(Number(own.headers.get("openai-processing-ms"))).toBeGreaterThanOrEqual(0)
    }
    const hostile = yield* get(`${url}/v1/models`, { headers: { "x-request-id": "a b;<script>" } })
    expect(hostile.headers.get("x-request-id")).toMatch(/^req_/)
  }),
)

it.live("an unknown route is 404 in the envelope, and so are the routes other servers are known by", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    for (const path of ["/v1", "/v1/readyz", "/v1/test", "/health", "/v1/embeddings", "/%zz"]) {
      const response = yield* get(`${url}${path}?key=secret`)
      expect([path, response.status]).toEqual([path, 404])
      expect(response.headers.get("content-type")).toBe("application/json")
      const { error } = yield* json(response)
      expect(error).toEqual({
        message: `Invalid URL (GET ${path})`,
        type: "invalid_request_error",
        param: null,
        code: "unknown_url",
      })
    }
  }),
)

it.live("a wrong method is 405 and says which are right", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    for (const [method, path, allow] of [
      ["DELETE", "/v1/models", "GET, HEAD"],
      ["POST", "/v1/models/nvidia/parakeet", "GET, HEAD"],
      ["GET", "/v1/audio/speech", "POST"],
      ["OPTIONS", "/v1/audio/transcriptions", "POST"],
      ["PUT", "/openapi.json", "GET, HEAD"],
    ]) {
      const response = yield* get(url + path, { method: method! })
      expect([path, response.status, response.headers.get("allow")]).toEqual([path, 405, allow])
      expect((yield* json(response)).error.code).toBe("method_not_supported")
    }
  }),
)

it.live("HEAD answers as GET does, without the body", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const response = yield* get(`${url}/v1/models`, { method: "HEAD" })
    expect(response.status).toBe(200)
    expect(Number(response.headers.get("content-length"))).toBeGreaterThan(0)
    expect(yield* Effect.promise(() => response.text())).toBe("")
  }),
)

it.live("a body that is not JSON, too large or of another type says which", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const speech = `${url}/v1/audio/speech`
    const told = Effect.fnUntraced(function* (response: Response) {
      return [response.status, (yield* json(response)).error.code]
    })
    expect(yield* told(yield* post(speech, "{"))).toEqual([400, "invalid_json"])
    expect(yield* told(yield* post(speech, ""))).toEqual([400, "invalid_body"])
    expect(yield* told(yield* post(speech, "x", { "content-type": "text/plain" }))).toEqual([
      415,
      "unsupported_media_type",
    ])
    expect(yield* told(yield* post(speech, JSON.stringify({ ...hello, input: "x".repeat(300_000) })))).toEqual([
      413,
      "request_too_large",
    ])
  }),
)

it.live(
  "a compressed body is refused as such, and says what is taken; one that is said to be as it is goes through",
  () =>
    Effect.gen(function* () {
      const { url } = yield* startGateway()
      const compressed = gzipSync(JSON.stringify(hello))
      for (const path of ["/v1/audio/speech", "/v1/audio/transcriptions", "/admin/accounts"]) {
        for (const coding of ["gzip", "Br", "identity, gzip"]) {
          const headers = { "content-type": "application/json", "content-encoding": coding }
          const response = yield* get(url + path, { method: "POST", body: compressed, headers })
          expect([path, coding, response.status]).toEqual([path, coding, 415])
          expect(response.headers.get("accept-encoding")).toBe("identity")
          expect((yield* json(response)).error.code).toBe("unsupported_content_encoding")
        }
      }
      for (const coding of ["identity", "Identity,", ""]) {
        const plain = yield* post(`${url}/v1/audio/speech`, JSON.stringify(hello), { "content-encoding": coding })
        expect([coding, plain.status]).toEqual([coding, 200])
      }
      expect((yield* get(`${url}/v1/models`, { headers: { "content-encoding": "gzip" } })).status).toBe(200)
      expect((yield* post(`${url}/nope`, "", { "content-encoding": "gzip" })).status).toBe(404)
    }),
)

it.live("the longest text fits, even if every character is written as two escapes, with instructions as long", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const escaped = "\\ud83d\\ude00".repeat(4_096)
    const body = `{"model":"tts-1","voice":"alloy","input":"${escaped}","instructions":"${escaped}"}`
    const response = yield* post(`${url}/v1/audio/speech`, body)
    expect(response.status).toBe(200)
  }),
)

it.live("a body too large without a declared length is refused where it is too large, not collected", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const { socket, seen } = yield* rawConnection(port)
    socket.write(
      "POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`
    for (let sent = 0; sent < 8; sent++) socket.write(chunk)
    expect(yield* seen('"code":"request_too_large"')).toContain("HTTP/1.1 413")
  }),
)

it.live("a fault of the gateway's own is 500 without details, is logged, and asks for no retry", () =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const { url } = yield* startGateway({
      programs: Layer.merge(
        Layer.succeed(Speech, { speak: () => Effect.die(new Error("secret detail of sk-aviary-123")) }),
        transcriptionOf(),
      ),
      loggers: [Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))],
    })
    const response = yield* post(`${url}/v1/audio/speech`, JSON.stringify(hello), { "x-request-id": "find-me" })
    expect(response.status).toBe(500)
    expect(response.headers.get("x-should-retry")).toBe("false")
    const body = yield* json(response)
    expect(body.error.code).toBe("internal_error")
    expect(JSON.stringify(body)).not.toContain("secret detail")
    const line = lines.find((line) => line.includes("secret detail of sk-aviary-…"))
    expect(line).toContain("find-me")
    expect(lines.join()).not.toContain("sk-aviary-123")
  }),
)

it.live("one log line per request, without query, body or headers", () =>
  Effect.gen(function* () {
    const lines = yield* Deferred.make<Record<string, unknown>>()
    const { url } = yield* startGateway({
      loggers: [
        Logger.make(({ fiber }) => {
          Effect.runSync(Deferred.succeed(lines, { ...fiber.getRef(References.CurrentLogAnnotations) }))
        }),
      ],
    })
    const response = yield* post(`${url}/v1/audio/speech?key=sk-1`, JSON.stringify(hello), {
      authorization: "Bearer sk-2",
      "x-request-id": "r1",
    })
    yield* Effect.promise(() => response.arrayBuffer())
    const line = yield* Deferred.await(lines)
    expect(line).toMatchObject({
      method: "POST",
      path: "/v1/audio/speech",
      status: 200,
      bytes: 4,
      request_id: "r1",
      x_cache: "MISS",
    })
    expect(line.ms).toBeTypeOf("number")
    expect(JSON.stringify(line)).not.toMatch(/sk-1|sk-2|secret/)
  }),
)

it.live("the log shows that a response broke off", () =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<unknown>()
    const { port } = yield* startGateway({
      programs: Layer.merge(
        speechOf({
          bytes: Stream.concat(
            Stream.make(new Uint8Array(3)),
            Stream.fail(new EngineError({ engine: "magpie", reason: new EngineCut({ message: "gone" }) })),
          ),
        }),
        transcriptionOf(),
      ),
      loggers: [
        Logger.make(({ fiber }) => {
          const line = fiber.getRef(References.CurrentLogAnnotations)
          if ("ended" in line) Effect.runSync(Deferred.succeed(ended, [line.ended, line.bytes]))
        }),
      ],
    })
    const { socket } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", hello))
    expect(yield* Deferred.await(ended)).toEqual(["aborted", 3])
  }),
)

it.live("an answer is over that nothing asks for, since its client left just before it was there", () =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<unknown>()
    const leaves = Effect.map(Effect.serviceOption(HttpServerRequest.HttpServerRequest), (request) => {
      NodeHttpServerRequest.toServerResponse(Option.getOrThrow(request)).destroy()
    })
    const { url } = yield* startGateway({
      // Whoever charges for an answer is the last to be asked before it leaves.
      programs: Layer.merge(
        speechOf(),
        transcriptionOf(() => Effect.succeed({ ...transcribed(), delivered: () => leaves })),
      ),
      loggers: [
        Logger.make(({ fiber }) => {
          const line = fiber.getRef(References.CurrentLogAnnotations)
          if ("ended" in line) Effect.runSync(Deferred.succeed(ended, [line.status, line.ended, line.bytes]))
        }),
      ],
    })
    const form = new FormData()
    form.append("model", "whisper-1")
    form.append("file", new Blob(["RIFF"]), "a.wav")
    yield* Effect.flip(Effect.tryPromise(() => fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })))
    expect(yield* Effect.timeout(Deferred.await(ended), "5 seconds")).toEqual([200, "client left", 0])
  }),
)

it.live("text that is no UTF-8 is refused, not spoken with replacement characters", () =>
  Effect.gen(function* () {
    let asked = 0
    const speech = Layer.succeed(Speech, {
      speak: () =>
        Effect.sync(() => {
          asked += 1
          return { key: "", cache: "MISS" as const, contentType: "", length: 0, bytes: Stream.empty, ...free }
        }),
    })
    const { url } = yield* startGateway({ programs: Layer.merge(speech, transcriptionOf()) })
    const send = (body: Buffer) =>
      Effect.promise(() =>
        fetch(`${url}/v1/audio/speech`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: new Uint8Array(body),
        }),
      )
    const written = JSON.stringify({ ...hello, input: "Un café, \ufffd." })
    for (const bytes of [
      Buffer.from(written, "latin1"),
      Buffer.from([...Buffer.from(written).subarray(0, -2), 0xc3]),
    ]) {
      const refused = yield* send(bytes)
      expect([refused.status, (yield* json(refused)).error.code]).toEqual([400, "invalid_utf8"])
    }
    expect(asked).toBe(0)
    // U+FFFD itself is UTF-8.
    expect((yield* send(Buffer.from(written))).status).toBe(200)
    expect(asked).toBe(1)
  }),
)
