import { NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, Schema } from "effect"
import { OpenApi } from "effect/http-api"
import { Api } from "../../src/contract/Api.ts"
import { tmpdir } from "node:os"
import { makeWebHandler } from "../../src/http/Server.ts"
import { voiceAliases } from "../../src/audio/Voice.ts"
import { Settings } from "../../src/Settings.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { VoiceList } from "../../src/speech/VoiceList.ts"
import { startGateway, testEngines, testPrograms, testRooms } from "../support/gateway.ts"
import { testFleet } from "../support/fleet.ts"

const get = (url: string) => Effect.promise(() => fetch(url))

it.live("serves the contract as OpenAPI, and a page of it that fetches nothing from elsewhere", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const spec = yield* get(`${url}/openapi.json`)
    expect(yield* Effect.promise(() => spec.json())).toEqual(JSON.parse(JSON.stringify(OpenApi.fromApi(Api))))
    const docs = yield* get(`${url}/docs`)
    expect(docs.headers.get("content-type")).toContain("text/html")
    const page = yield* Effect.promise(() => docs.text())
    expect(page).toContain("/v1/audio/speech")
    expect(page).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)=["']?(https?:)?\/\//i)
  }),
)

it.live("lists in the shapes that OpenAI and Open WebUI read, without a key", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const json = Effect.fnUntraced(function* (path: string) {
      const response = yield* get(url + path)
      return yield* Effect.promise((): Promise<unknown> => response.json())
    })
    const entry = { object: "model", created: expect.any(Number), owned_by: "aviary", shutdown_date: null }
    expect(yield* json("/v1/models")).toEqual({
      object: "list",
      data: [
        { id: "test-parakeet", kind: "stt", ...entry },
        { id: "test-magpie", kind: "tts", ...entry },
        { id: "Test.EN-US.Tone", kind: "tts", ...entry },
      ],
    })
    expect(yield* json("/v1/models/tts-1")).toEqual({ id: "tts-1", kind: "tts", ...entry })
    for (const id of ["nvidia/parakeet-tdt-0.6b-v2", "nvidia%2Fparakeet-tdt-0.6b-v2"]) {
      expect(yield* json(`/v1/models/${id}`)).toMatchObject({ id: "nvidia/parakeet-tdt-0.6b-v2", kind: "stt" })
    }
    expect(yield* json("/v1/models/nobody")).toMatchObject({ error: { code: "model_not_found" } })
    expect(yield* json("/v1/audio/voices")).toEqual({
      voices: [
        {
          ...{ id: "Test.EN-US.Tone", name: "Tone (en-US)", language: "en-US", aliases: voiceAliases },
          variants: ["Test.EN-US.Tone"],
        },
      ],
    })
    expect(yield* json("/v1/audio/models")).toEqual({ models: [{ id: "test-magpie" }] })
  }),
)

it.live("describes the routes beside the contract, and forbids no field that is accepted", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const spec = yield* get(`${url}/openapi.json`)
    const { paths, components } = Schema.decodeUnknownSync(
      Schema.Struct({
        paths: Schema.Record(Schema.String, Schema.Json),
        components: Schema.Struct({ schemas: Schema.Record(Schema.String, Schema.Json) }),
      }),
    )(yield* Effect.promise(() => spec.json()))
    for (const path of ["/", "/docs", "/openapi.json", "/metrics"]) {
      expect(paths[path]).toMatchObject({ get: { summary: expect.any(String) } })
      const response = yield* Effect.promise(() => fetch(url + path, { redirect: "manual" }))
      expect([path, response.status]).toEqual([path, path === "/" ? 303 : 200])
    }
    expect(JSON.stringify(components.schemas["SpeechRequest"])).not.toContain("additionalProperties")
    expect(JSON.stringify(paths["/v1/audio/transcriptions"])).not.toContain(`"additionalProperties":false`)
    // A mistyped limit would limit nothing.
    expect(components.schemas["NewAccount"]).toMatchObject({ additionalProperties: false })
    const unknown = yield* Effect.promise(() =>
      fetch(`${url}/v1/audio/speech`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "tts-1", input: "Hello.", voice: "alloy", instructions: "Softly." }),
      }),
    )
    expect(unknown.status).toBe(200)
  }),
)

it.live("tells browsers to sniff, frame, load and send on nothing", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    for (const path of ["/v1/models", "/docs", "/nope", "/openapi.json", "/health/live"]) {
      const { headers } = yield* get(url + path)
      expect(headers.get("x-content-type-options")).toBe("nosniff")
      expect(headers.get("x-frame-options")).toBe("DENY")
      expect(headers.get("referrer-policy")).toBe("no-referrer")
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin")
      const policy = headers.get("content-security-policy") ?? ""
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/script-src[^;]*unsafe/)
    }
  }),
)

/** All that the web handler needs; what it logs goes to `logged`. */
const withoutSocket = (logged: Array<unknown>) =>
  Layer.mergeAll(
    Logger.layer([Logger.make(({ message }) => logged.push(message))]),
    testPrograms,
    testRooms.pipe(Layer.provide([testEngines, Settings.layerTest()])),
    testFleet,
    VoiceList.layer.pipe(
      Layer.provide([EngineGuard.layerOpen.pipe(Layer.provideMerge(testFleet)), Settings.layerTest()]),
    ),
    Settings.layerTest({ dataDir: tmpdir() }),
    NodeHttpServer.layerHttpServices,
  )

it.live("answers without a socket, speech included, and logs as the program does", () => {
  const logged: Array<unknown> = []
  return Effect.gen(function* () {
    const handle = yield* makeWebHandler
    const models = yield* Effect.promise(() => handle(new Request("http://aviary/v1/models")))
    expect(models.status).toBe(200)
    const speech = yield* Effect.promise(() =>
      handle(
        new Request("http://aviary/v1/audio/speech", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "tts-1", input: "Hello.", voice: "alloy" }),
        }),
      ),
    )
    expect(speech.headers.get("x-cache")).toBe("MISS")
    expect(new Uint8Array(yield* Effect.promise(() => speech.arrayBuffer()))).toEqual(new Uint8Array([1, 2, 3, 4]))
    const missing = yield* Effect.promise(() => handle(new Request("http://aviary/v2")))
    expect(yield* Effect.promise(() => missing.json())).toMatchObject({ error: { code: "unknown_url" } })
    expect(logged).toHaveLength(3)
  }).pipe(Effect.provide(withoutSocket(logged)))
})

it.live("leaves a body that it is given without a socket to whoever made it", () =>
  Effect.gen(function* () {
    const handle = yield* makeWebHandler
    const recording = Buffer.alloc(1_000).toString("base64")
    const json = JSON.stringify({ model: "whisper-1", input_audio: { data: recording, format: "wav" } })
    const piece = new TextEncoder().encode(json).slice()
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(piece)
        controller.close()
      },
    })
    const headers = { "content-type": "application/json" }
    const options = { method: "POST", headers, body, duplex: "half" } as const
    const answer = yield* Effect.promise(() => handle(new Request("http://aviary/v1/audio/transcriptions", options)))
    expect(yield* Effect.promise(() => answer.json())).toMatchObject({ text: expect.any(String) })
    expect(new TextDecoder().decode(piece)).toBe(json)
  }).pipe(Effect.provide(withoutSocket([]))),
)
