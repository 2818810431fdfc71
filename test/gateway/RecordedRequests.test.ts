/**
 * Requests byte for byte as programs send them that cannot be run here: Open WebUI, Home Assistant's custom integrations (sfortis,
 * einToast), wyoming_openai, LibreChat, SillyTavern, AnythingLLM and LiteLLM. Written down from the source of each, with the headers
 * and part headers of its HTTP library; what each reads of the answer is what is looked at.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { startAviary } from "../support/aviary.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { wordErrors } from "../support/wordErrors.ts"

const [, { recording, text: said }] = humanSpeech
const wav = readFileSync(recording.path)
const webm = readFileSync(new URL("../support/audio/sense-and-sensibility-0930-live.webm", import.meta.url))

class Aviary extends Context.Service<Aviary, { readonly url: string }>()("aviary/test/RecordedRequests") {}

const aviary = Layer.effect(Aviary, startAviary(undefined, { embeddedRecognizer: "tiny" })).pipe(
  Layer.provideMerge(NodeServices.layer),
)

interface Part {
  readonly name: string
  readonly value: string | Uint8Array
  readonly filename?: string
  readonly type?: string
}

/** A form as a library writes it: `fieldType` is what it says of a field's text, if anything. */
const form = (boundary: string, parts: ReadonlyArray<Part>, fieldType?: string) => {
  const pieces = parts.flatMap(({ filename, name, type = fieldType, value }) => [
    `--${boundary}\r\n`,
    ...(type === undefined || fieldType === undefined ? [] : [`Content-Type: ${type}\r\n`]),
    `Content-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}\r\n`,
    ...(type === undefined || fieldType !== undefined ? [] : [`Content-Type: ${type}\r\n`]),
    "\r\n",
    value,
    "\r\n",
  ])
  const body = Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece as string)))
  return { body, headers: { "content-type": `multipart/form-data; boundary=${boundary}` } }
}

interface Recorded {
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly method?: string
}

const send = ({ body, headers = {}, method = body === undefined ? "GET" : "POST", path }: Recorded) =>
  Effect.flatMap(Aviary, ({ url }) =>
    Effect.promise(() => fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) })),
  )
const jsonOf = (response: Response) => Effect.promise(async () => (await response.json()) as Record<string, unknown>)
const heardWell = (text: unknown) => expect(wordErrors(said, String(text)), String(text)).toBeLessThanOrEqual(1)

/** Of an MP3: a tag, or the sync of a frame. */
const isMp3 = (bytes: Uint8Array) => (bytes[0] === 0xff && (bytes[1]! & 0xe0) === 0xe0) || bytes[0] === 0x49

const speaks = Effect.fnUntraced(function* (body: object, headers: Record<string, string> = {}) {
  const response = yield* send({
    path: "/v1/audio/speech",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
  return {
    type: response.headers.get("content-type"),
    bytes: new Uint8Array(yield* Effect.promise(() => response.arrayBuffer())),
  }
})

const bearer = { authorization: "Bearer sk-none" }

layer(aviary, { excludeTestServices: true, timeout: "2 minutes" })("RecordedRequests", (it) => {
  describe("Open WebUI", () => {
    it.effect("lists voices and models without a key", () =>
      Effect.gen(function* () {
        const { voices } = yield* jsonOf(yield* send({ path: "/v1/audio/voices" }))
        expect((voices as ReadonlyArray<object>)[0]).toMatchObject({ id: expect.any(String), name: expect.any(String) })
        const { models } = yield* jsonOf(yield* send({ path: "/v1/audio/models" }))
        expect((models as ReadonlyArray<object>)[0]).toMatchObject({ id: expect.any(String) })
        expect(yield* jsonOf(yield* send({ path: "/v1/models" }))).toMatchObject({ data: expect.any(Array) })
      }),
    )

    it.effect("speaks without saying a format, and keeps what it calls audio/mpeg", () =>
      Effect.gen(function* () {
        const { bytes, type } = yield* speaks(
          { model: "tts-1", input: "The birds are back.", voice: "alloy" },
          { ...bearer, "x-openwebui-user-name": "Ada", "x-openwebui-user-role": "admin" },
        )
        expect(type).toBe("audio/mpeg")
        expect(isMp3(bytes)).toBe(true)
      }),
    )

    it.effect("hears a form of requests", () =>
      Effect.gen(function* () {
        const upload = form("9ab1", [
          { name: "model", value: "whisper-1" },
          { name: "language", value: "en" },
          { name: "file", value: wav, filename: "5f0e.wav" },
        ])
        const response = yield* send({
          path: "/v1/audio/transcriptions",
          body: upload.body,
          headers: { ...bearer, ...upload.headers },
        })
        heardWell((yield* jsonOf(response))["text"])
      }),
    )

    it.effect("hears JSON with the recording in it (AUDIO_STT_OPENAI_API_REQUEST_FORMAT=json)", () =>
      Effect.gen(function* () {
        const body = JSON.stringify({
          ...{ model: "whisper-1", language: "en" },
          input_audio: { data: wav.toString("base64"), format: "wav" },
        })
        const response = yield* send({
          path: "/v1/audio/transcriptions",
          headers: { ...bearer, "content-type": "application/json" },
          body,
        })
        heardWell((yield* jsonOf(response))["text"])
      }),
    )

    it.effect("reads segments where it asks for them", () =>
      Effect.gen(function* () {
        const upload = form("9ab2", [
          { name: "model", value: "whisper-1" },
          { name: "response_format", value: "verbose_json" },
          { name: "timestamp_granularities[]", value: "segment" },
          { name: "file", value: wav, filename: "5f0e.wav" },
        ])
        const response = yield* send({ path: "/v1/audio/transcriptions", body: upload.body, headers: upload.headers })
        const { segments } = yield* jsonOf(response)
        const [{ end, start, text }] = segments as [{ start: number; end: number; text: string }]
        expect(start).toBeLessThan(end)
        heardWell(text)
      }),
    )

    it.effect.each([
      ["{", "invalid_json", null],
      ["[]", "invalid_body", null],
      ['{"model":"whisper-1"}', "missing_required_parameter", "input_audio.data"],
      ['{"model":"whisper-1","input_audio":{"data":"%%%%%%%%","format":"wav"}}', "invalid_value", "input_audio.data"],
      ['{"input_audio":{"data":"UklGRg==","format":"wav"}}', "missing_required_parameter", "model"],
      ['{"model":"whisper-1","input_audio":{"data":"UklGRg==","format":"wav"}}', "invalid_value", "file"],
    ] as const)("is told what is wrong with %s", ([body, code, param]) =>
      Effect.gen(function* () {
        const response = yield* send({
          path: "/v1/audio/transcriptions",
          headers: { "content-type": "application/json" },
          body,
        })
        expect([response.status, yield* jsonOf(response)]).toMatchObject([400, { error: { code, param } }])
      }),
    )
  })

  it.effect("sfortis/openai_tts speaks MP3 with speed and without a key", () =>
    Effect.gen(function* () {
      const body = { model: "tts-1", input: "Dinner is ready.", voice: "shimmer", response_format: "mp3", speed: 1.0 }
      const { bytes } = yield* speaks(body, { "user-agent": "Python-urllib/3.13" })
      // It plays nothing below a kilobyte.
      expect(bytes.length).toBeGreaterThan(1_024)
      expect(isMp3(bytes)).toBe(true)
    }),
  )

  it.effect("einToast/openai_stt_ha hears a form of httpx", () =>
    Effect.gen(function* () {
      const upload = form("e1", [
        { name: "model", value: "whisper-1" },
        { name: "language", value: "en" },
        { name: "prompt", value: "" },
        { name: "temperature", value: "0.0" },
        { name: "response_format", value: "json" },
        { name: "file", value: wav, filename: "audio.wav", type: "audio/wav" },
      ])
      const response = yield* send({
        path: "/v1/audio/transcriptions",
        body: upload.body,
        headers: { ...bearer, ...upload.headers },
      })
      heardWell((yield* jsonOf(response))["text"])
    }),
  )

  describe("wyoming_openai", () => {
    it.effect("takes the gateway for OpenAI, not for LocalAI, Speaches or Kokoro", () =>
      Effect.gen(function* () {
        expect((yield* send({ path: "/v1/readyz" })).status).toBe(404)
        expect((yield* send({ path: "/v1/test" })).status).toBe(404)
        const health = yield* send({ path: "/health" })
        expect((yield* Effect.promise(() => health.text())).trim()).not.toBe("OK")
      }),
    )

    it.effect("reads the deltas of a streaming model", () =>
      Effect.gen(function* () {
        const upload = form("w1", [
          { name: "file", value: wav, filename: "recording.wav", type: "audio/x-wav" },
          { name: "model", value: "gpt-4o-mini-transcribe" },
          { name: "language", value: "en" },
          { name: "response_format", value: "json" },
          { name: "stream", value: "true" },
        ])
        const response = yield* send({ path: "/v1/audio/transcriptions", body: upload.body, headers: upload.headers })
        const body = yield* Effect.promise(() => response.text())
        const deltas = body
          .split("\n\n")
          .filter((event) => event.includes("transcript.text.delta"))
          .map((event) => (JSON.parse(event.slice("data: ".length)) as { readonly delta: string }).delta)
        heardWell(deltas.join(""))
      }),
    )

    it.effect("reads the rate of a WAV's first bytes", () =>
      Effect.gen(function* () {
        const { bytes } = yield* speaks({
          model: "tts-1",
          voice: "alloy",
          input: "Yes.",
          response_format: "wav",
          speed: 1,
        })
        expect(Buffer.from(bytes).toString("latin1", 0, 4)).toBe("RIFF")
        expect(Buffer.from(bytes).readUInt32LE(4)).toBeGreaterThan(0)
        expect(Buffer.from(bytes).readUInt32LE(24)).toBe(24_000)
      }),
    )
  })

  describe("LibreChat", () => {
    it.effect("speaks with a field of its own", () =>
      Effect.gen(function* () {
        const body = { input: "The birds are back.", model: "tts-1", voice: "nova", backend: "" }
        expect(isMp3((yield* speaks(body, bearer)).bytes)).toBe(true)
      }),
    )

    it.effect("hears what a browser recorded, a WebM that says no length, in a form of axios", () =>
      Effect.gen(function* () {
        const upload = form("--------------------------071", [
          { name: "file", value: webm, filename: "audio.webm", type: "audio/webm" },
          { name: "model", value: "whisper-1" },
        ])
        const response = yield* send({
          path: "/v1/audio/transcriptions",
          body: upload.body,
          headers: { ...bearer, ...upload.headers },
        })
        heardWell((yield* jsonOf(response))["text"])
      }),
    )
  })

  it.effect("SillyTavern speaks with an empty key", () =>
    Effect.gen(function* () {
      const body = { input: "The birds are back.", response_format: "mp3", voice: "fable", speed: 1, model: "tts-1" }
      expect(isMp3((yield* speaks(body, { authorization: "Bearer " })).bytes)).toBe(true)
    }),
  )

  it.effect("AnythingLLM's collector hears a form with a temperature", () =>
    Effect.gen(function* () {
      const upload = form("a1", [
        { name: "file", value: wav, filename: "hotdir-1.wav", type: "audio/wav" },
        { name: "model", value: "whisper-1" },
        { name: "temperature", value: "0" },
      ])
      const response = yield* send({
        path: "/v1/audio/transcriptions",
        body: upload.body,
        headers: { ...bearer, ...upload.headers },
      })
      heardWell((yield* jsonOf(response))["text"])
    }),
  )

  it.effect("LiteLLM bills by the duration of a verbose_json that it asks for itself", () =>
    Effect.gen(function* () {
      const upload = form("l1", [
        { name: "model", value: "whisper-1" },
        { name: "response_format", value: "verbose_json" },
        { name: "timestamp_granularities[]", value: "segment" },
        { name: "file", value: wav, filename: "speech.wav", type: "audio/x-wav" },
      ])
      const response = yield* send({
        path: "/v1/audio/transcriptions",
        body: upload.body,
        headers: { ...bearer, ...upload.headers, "user-agent": "OpenAI/Python 2.8.0", "x-stainless-retry-count": "0" },
      })
      const { duration, text } = yield* jsonOf(response)
      expect(duration).toBe(recording.samples / 16_000)
      heardWell(text)
    }),
  )

  it.effect.each(["verbose_json", "json"])(
    "Subtitle Edit's form of .NET, which puts no name into quotes, asks %s for words and segments at once",
    (format) =>
      Effect.gen(function* () {
        const field = (name: string, value: string) =>
          `--s1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=${name}\r\n\r\n${value}\r\n`
        const body = Buffer.concat([
          Buffer.from(
            "--s1\r\nContent-Type: audio/wav\r\nContent-Disposition: form-data; name=file; filename=329c7fae.wav; filename*=utf-8''329c7fae.wav\r\n\r\n",
          ),
          wav,
          Buffer.from(
            `\r\n${[
              field("model", "whisper-large-v3-turbo"),
              field("language", "en"),
              field("response_format", format),
              field('"timestamp_granularities[]"', "segment"),
              field('"timestamp_granularities[]"', "word"),
            ].join("")}--s1--\r\n`,
          ),
        ])
        const headers = { ...bearer, "content-type": 'multipart/form-data; boundary="s1"' }
        const answer = yield* jsonOf(yield* send({ path: "/v1/audio/transcriptions", body, headers }))
        heardWell(answer["text"])
        if (format === "verbose_json") {
          expect((answer["segments"] as ReadonlyArray<unknown>).length).toBeGreaterThan(0)
          expect((answer["words"] as ReadonlyArray<unknown>).length).toBeGreaterThan(5)
        }
      }),
  )

  it.effect("a form of aiohttp says a type for each field, before its name", () =>
    Effect.gen(function* () {
      const upload = form(
        "h1",
        [
          { name: "model", value: "whisper-1" },
          { name: "response_format", value: "text" },
          { name: "file", value: wav, filename: "a.wav", type: "application/octet-stream" },
        ],
        "text/plain; charset=utf-8",
      )
      const response = yield* send({ path: "/v1/audio/transcriptions", body: upload.body, headers: upload.headers })
      heardWell(yield* Effect.promise(() => response.text()))
    }),
  )
})
