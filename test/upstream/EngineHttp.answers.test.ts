import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import type { RequestListener } from "node:http"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { Settings } from "../../src/Settings.ts"
import { makeEngineHttp } from "../../src/upstream/EngineHttp.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { transcriptOf } from "../support/heard.ts"
import { loopbackServer } from "../support/loopback.ts"

const clocks = { firstByte: Duration.seconds(10), idle: Duration.seconds(10), total: Duration.seconds(20) }

const engineOf = (answer: RequestListener) =>
  loopbackServer((request, response) => {
    request.resume()
    answer(request, response)
  })

const get = Effect.fnUntraced(function* (url: URL) {
  const http = yield* makeEngineHttp(url, { connectTimeout: Duration.seconds(5) })
  const answer = yield* http.call(HttpClientRequest.get("/thing"), clocks)
  return Buffer.concat(yield* Stream.runCollect(answer.body)).toString("utf8")
}, Effect.scoped)

const text = "He might even have been made amiable himself. ".repeat(1_000)

it.live.each([
  ["gzip", gzipSync(text)],
  ["deflate", deflateSync(text)],
  ["br", brotliCompressSync(text)],
  ["identity", Buffer.from(text)],
] as const)("what comes compressed as %s though it was not asked for is made plain", ([encoding, body]) =>
  Effect.gen(function* () {
    let asked: string | undefined
    const { url } = yield* engineOf((request, response) => {
      asked = String(request.headers["accept-encoding"])
      response.writeHead(200, { "content-encoding": encoding }).end(body)
    })
    expect(yield* get(url)).toBe(text)
    expect(asked).toBe("identity")
  }),
)

it.live("a compressed answer that is cut, or of an unknown kind, fails; a compressed error is read", () =>
  Effect.gen(function* () {
    const { url } = yield* engineOf((request, response) => {
      if (request.url === "/cut/thing")
        return response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(text).subarray(0, 60))
      if (request.url === "/odd/thing") return response.writeHead(200, { "content-encoding": "exi" }).end("x")
      return response.writeHead(422, { "content-encoding": "gzip" }).end(gzipSync('{"detail":"no such language"}'))
    })
    expect((yield* Effect.flip(get(new URL("/cut", url))))._tag).toBe("EngineCut")
    expect(yield* Effect.flip(get(new URL("/odd", url)))).toMatchObject({
      _tag: "EngineMalformed",
      message: expect.stringContaining("exi"),
    })
    expect(yield* Effect.flip(get(url))).toMatchObject({ _tag: "EngineRejected", message: "no such language" })
  }),
)

it.live("a name and password in the engine's URL are sent as authorization, and are in no message", () =>
  Effect.gen(function* () {
    const { url } = yield* engineOf((request, response) =>
      response.end(`${request.url} ${request.headers.authorization}`),
    )
    const known = new URL(url)
    Object.assign(known, { username: "me", password: "s3cr%C3%A9t" })
    const sent = Buffer.from("me:s3crét").toString("base64")
    expect(yield* get(known)).toBe(`/thing Basic ${sent}`)
    expect(yield* get(url)).toBe("/thing undefined")
    known.port = "1"
    const exit = yield* Effect.exit(get(known))
    expect(Exit.isFailure(exit) ? JSON.stringify(exit.cause) : "").not.toMatch(/s3cr/)
  }),
)

it.live("neither a transcript of 14 MB nor a list of 100,000 voices is parsed on the event loop", () =>
  Effect.gen(function* () {
    const segment = { start: 0, end: 1, text: "and so on" }
    const transcript = JSON.stringify({ text: "x", segments: Array.from({ length: 400_000 }, () => segment) })
    const voices = JSON.stringify({
      "en-US": { voices: Array.from({ length: 100_000 }, (_, i) => `Magpie.EN-US.V${i}`) },
    })
    expect(transcript.length).toBeGreaterThan(14_000_000)
    const { url } = yield* engineOf((request, response) =>
      response.setHeader("content-type", "application/json").end(request.url?.includes("voices") ? voices : transcript),
    )
    const settings = Settings.layerTest()
    const recording = { path: fileURLToPath(new URL("../../src/health/probe.wav", import.meta.url)), samples: 1 }
    yield* Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const parakeet = yield* ParakeetClient
      const listed = yield* Effect.flip(magpie.voices)
      expect(listed.reason).toMatchObject({
        _tag: "EngineMalformed",
        message: "its answer is longer than 262144 bytes",
      })
      const heard = yield* Effect.flip(transcriptOf(parakeet, recording))
      expect(heard.reason).toMatchObject({
        _tag: "EngineMalformed",
        message: "its answer is longer than 4194304 bytes",
      })
    }).pipe(
      Effect.provide(
        Layer.mergeAll(MagpieClient.layerNim(url), ParakeetClient.layerNim(url)).pipe(
          Layer.provide([settings, NodeServices.layer]),
        ),
      ),
    )
  }),
)
