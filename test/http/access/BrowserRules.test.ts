import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { request as httpRequest } from "node:http"
import { ErrorEnvelope } from "../../../src/contract/ErrorEnvelope.ts"
import { Speech } from "../../../src/speech/Speech.ts"
import { type Parts, startGateway, transcriptionOf, free } from "../../support/gateway.ts"

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}
interface Answered {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly code: string | null | undefined
}

/** `fetch` sets `host` and `origin` as it likes. */
const ask = (port: number, { method = "GET", path = "/v1/models", headers = {}, body }: Asked) =>
  Effect.callback<Answered>((resume) => {
    const sent = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = ""
      response.on("data", (chunk: Buffer) => (text += chunk.toString()))
      response.on("end", () => {
        const code =
          (response.statusCode ?? 0) >= 400
            ? Schema.decodeUnknownSync(Schema.fromJsonString(ErrorEnvelope))(text).error.code
            : undefined
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, code }))
      })
    })
    sent.end(body)
  })

/** A gateway that counts what it is made to say. */
const counting = Effect.fnUntraced(function* (settings: Parts["settings"] = {}) {
  let spoken = 0
  const speech = Layer.succeed(Speech, {
    speak: () =>
      Effect.sync(() => {
        spoken += 1
        return {
          key: "0".repeat(64),
          cache: "MISS" as const,
          contentType: "audio/mpeg",
          length: undefined,
          ...free,
          bytes: Stream.make(new Uint8Array([1])),
        }
      }),
  })
  const gateway = yield* startGateway({ programs: Layer.merge(speech, transcriptionOf()), settings })
  return { ...gateway, spoken: () => spoken }
})

const speech = {
  method: "POST",
  path: "/v1/audio/speech",
  body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "Boo." }),
} as const
const json = { "content-type": "application/json" }

describe("the name the gateway is called by", () => {
  it.live("on loopback with open access is a loopback name or one of AVIARY_HOSTS, else nothing is answered", () =>
    Effect.gen(function* () {
      const { port } = yield* counting({ hosts: "aviary.lan,[fd00::1]" })
      const open = [
        "localhost",
        "LOCALHOST.",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "voice.localhost",
        "Aviary.LAN",
        "[fd00::1]",
      ]
      for (const host of open) {
        for (const written of [host, `${host}:${port}`]) {
          const { status } = yield* ask(port, { headers: { host: written } })
          expect([written, status]).toEqual([written, 200])
        }
      }
      for (const host of [
        "rebound.example",
        "127.0.0.1.rebound.example",
        "localhost.example",
        "192.168.1.9",
        "notlocalhost",
      ]) {
        for (const path of ["/v1/models", "/health/live", "/docs", "/metrics"]) {
          const { status, code } = yield* ask(port, { path, headers: { host: `${host}:${port}` } })
          expect([host, path, status, code]).toEqual([host, path, 403, "host_not_allowed"])
        }
      }
    }),
  )

  it.live("is anything where keys are asked for", () =>
    Effect.gen(function* () {
      const { port } = yield* counting({ access: "keys" })
      const { status } = yield* ask(port, { path: "/health/live", headers: { host: "voice.example.com" } })
      expect(status).toBe(200)
    }),
  )
})

describe("a page of another origin", () => {
  it.live("makes an open gateway do nothing, however it asks", () =>
    Effect.gen(function* () {
      const { port, spoken } = yield* counting()
      const asked: ReadonlyArray<Record<string, string>> = [
        { origin: "https://page.example", ...json },
        { origin: "https://page.example" },
        { origin: "null", ...json },
        { origin: `http://localhost:${port + 1}`, ...json },
        { "sec-fetch-site": "cross-site", ...json },
      ]
      for (const headers of asked) {
        const { status, code } = yield* ask(port, { ...speech, headers })
        expect([headers, status, code]).toEqual([headers, 403, "origin_not_allowed"])
      }
      const form = { origin: "https://page.example", "content-type": "multipart/form-data; boundary=x" }
      const upload = yield* ask(port, {
        method: "POST",
        path: "/v1/audio/transcriptions",
        headers: form,
        body: "--x--",
      })
      expect(upload.code).toBe("origin_not_allowed")
      const preflight = yield* ask(port, { method: "OPTIONS", path: "/v1/audio/speech", headers: asked[0]! })
      expect(preflight.status).toBe(403)
      expect(spoken()).toBe(0)
    }),
  )

  it.live("may use the gateway if AVIARY_CORS_ORIGINS names it, and reads what it needs", () =>
    Effect.gen(function* () {
      const { port, spoken } = yield* counting({ corsOrigins: "https://page.example, http://localhost:3000" })
      const origin = "https://page.example"
      const preflight = yield* ask(port, {
        method: "OPTIONS",
        path: "/v1/audio/speech",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      })
      expect(preflight).toMatchObject({
        status: 204,
        headers: {
          "access-control-allow-origin": origin,
          "access-control-allow-headers": "authorization,content-type",
          "access-control-allow-methods": expect.stringContaining("POST"),
        },
      })
      const said = yield* ask(port, { ...speech, headers: { origin, ...json } })
      expect([said.status, spoken()]).toEqual([200, 1])
      expect(said.headers).toMatchObject({
        "access-control-allow-origin": origin,
        "access-control-expose-headers": expect.stringMatching(/x-cache.*x-unheard-speech-ms/),
        vary: "Origin",
      })
      const refused = yield* ask(port, { ...speech, body: "{}", headers: { origin, ...json } })
      expect(refused.headers).toMatchObject({ "access-control-allow-origin": origin })
      const other = yield* ask(port, { headers: { origin: "https://other.example" } })
      expect([other.status, other.headers["access-control-allow-origin"]]).toEqual([403, undefined])
      const options = yield* ask(port, { method: "OPTIONS", path: "/v1/models" })
      expect(options.status).toBe(405)
    }),
  )

  it.live("is no stranger where it is the gateway's own, by its address or by AVIARY_HOSTS", () =>
    Effect.gen(function* () {
      const { port, spoken } = yield* counting({ hosts: "voice.example.com" })
      const own = [
        { origin: `http://localhost:${port}`, host: `localhost:${port}` },
        { origin: "https://voice.example.com", host: `127.0.0.1:${port}` },
      ]
      for (const headers of own) {
        const { status } = yield* ask(port, { ...speech, headers: { ...headers, ...json } })
        expect([headers, status]).toEqual([headers, 200])
      }
      expect(spoken()).toBe(2)
    }),
  )

  it.live("labels JSON as JSON, even where it may ask", () =>
    Effect.gen(function* () {
      const { port, spoken } = yield* counting({ corsOrigins: "https://page.example" })
      for (const headers of [
        { origin: "https://page.example" },
        { origin: "https://page.example", "content-type": "text/plain" },
      ]) {
        const { status } = yield* ask(port, { ...speech, headers })
        expect([headers, status]).toEqual([headers, 415])
      }
      expect(spoken()).toBe(0)
    }),
  )
})

it.live("scripts and SDKs, which send no origin, notice nothing", () =>
  Effect.gen(function* () {
    const { port, spoken } = yield* counting()
    for (const headers of [{}, json, { host: `localhost:${port}` }]) {
      expect((yield* ask(port, { ...speech, headers })).status).toBe(200)
    }
    expect(spoken()).toBe(3)
  }),
)
