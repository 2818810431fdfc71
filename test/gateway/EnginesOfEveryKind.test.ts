/**
 * Magpie and Parakeet need no NIM: NVIDIA's NeMo-Speech.cpp serves both on any machine, speaches and small servers serve their like.
 * These answer whole clips, in one format, at one speed, with times or without. Whoever has one of them sets its URL and nothing else,
 * and has streaming, formats, healing and a cache in front of it.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { jsonOnlyParakeet } from "../support/jsonOnlyParakeet.ts"
import { eventually, transcribe, wavOf } from "../support/listeningNim.ts"
import { nemoSpeech } from "../support/nemoSpeech.ts"
import { heardText, json, openAiServer } from "../support/openAiServers.ts"
import { speaches } from "../support/speaches.ts"

const verbose = (url: string) =>
  Effect.promise(async () => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([wavOf(2_000)]), "recording.wav")
    form.set("response_format", "verbose_json")
    form.append("timestamp_granularities[]", "word")
    const response = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })
    return (await response.json()) as { text: string; words: Array<{ word: string; start: number; end: number }> }
  })

const spoken = (url: string, body: Record<string, unknown> = {}) =>
  Effect.flatMap(postSpeech(url, body), (response) =>
    Effect.map(
      Effect.promise(() => response.arrayBuffer()),
      (bytes) => ({ status: response.status, cache: response.headers.get("x-cache"), bytes: new Uint8Array(bytes) }),
    ),
  )

layer(NodeServices.layer, { excludeTestServices: true, timeout: "2 minutes" })("EnginesOfEveryKind", (it) => {
  it.effect("speaks and hears through NeMo-Speech.cpp", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech({ key: "the-key-of-nemo" })
      const key = { magpieKey: "the-key-of-nemo", parakeetKey: "the-key-of-nemo" }
      const { url } = yield* startAviary(server, key)
      const first = yield* spoken(url, { response_format: "wav" })
      expect(first).toMatchObject({ status: 200, cache: "MISS" })
      expect((yield* spoken(url, { response_format: "wav" })).cache).toBe("HIT")
      expect((yield* spoken(url, { response_format: "mp3", voice: "Leo" })).status).toBe(200)
      expect((yield* transcribe(url, wavOf(2_000))).body.text).toBe(heardText)
      const words = (yield* verbose(url)).words.map(({ word }) => word)
      expect(words).toEqual(heardText.split(" "))
      // On a busy machine a probe may have spoken as well.
      const asked = server.to("/v1/audio/speech").filter(({ fields }) => fields["input"] === "A sentence to say.")
      expect(asked.map(({ fields }) => [fields["voice"], fields["speed"]])).toEqual([
        ["Aria", undefined],
        ["Leo", undefined],
      ])
      const voices = yield* Effect.promise(async () => (await fetch(`${url}/v1/audio/voices`)).json())
      expect(voices).toMatchObject({
        voices: [{ id: "Sofia" }, { id: "Aria" }, { id: "Jason" }, { id: "Leo" }, { id: "John" }],
      })
    }),
  )

  it.effect("gives the first audio of a long text before a server that answers whole clips has made the rest", () =>
    Effect.gen(function* () {
      const rest = Promise.withResolvers<void>()
      let count = 0
      const server = yield* nemoSpeech({ before: () => (count++ === 0 ? Promise.resolve() : rest.promise) })
      const { url } = yield* startAviary(server)
      const input = "The gateway asks for one piece at a time and plays it while the next is made. ".repeat(12).trim()
      const response = yield* postSpeech(url, { response_format: "pcm", input })
      const reader = response.body!.getReader()
      const first = yield* Effect.promise(() => reader.read())
      let bytes = first.value!.length
      expect(bytes).toBeGreaterThan(0)
      rest.resolve()
      const all = Effect.promise(async () => {
        for (let read = await reader.read(); !read.done; read = await reader.read()) bytes += read.value.length
      })
      yield* all
      expect(bytes / 48_000).toBeCloseTo(input.length * 0.07, 0)
      const pieces = server
        .to("/v1/audio/speech")
        .map(({ fields }) => String(fields["input"]))
        .filter((piece) => input.includes(piece))
      expect(pieces.length).toBeGreaterThan(3)
      expect(pieces.filter(({ length }) => length > 300)).toEqual([])
    }),
  )

  it.effect("says what a server cannot do that was built without it, and restarts nothing for that", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech({ without: "ASR" })
      const { url } = yield* startAviary(server)
      const { body, status } = yield* transcribe(url, wavOf(2_000))
      expect(status).toBe(501)
      expect(body.error?.message).toBe("this build does not include ASR")
      expect((yield* spoken(url)).status).toBe(200)
      expect((yield* transcribe(url, wavOf(2_100))).status).toBe(501)
    }),
  )

  it.effect("says so where a server turns out not to translate, the first time too", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* nemoSpeech())
      const translate = Effect.promise(async () => {
        const form = new FormData()
        form.set("model", "whisper-1")
        form.set("file", new Blob([wavOf(2_000)]), "recording.wav")
        const response = await fetch(`${url}/v1/audio/translations`, { method: "POST", body: form })
        const { error } = (await response.json()) as { error: { code: string; param: string } }
        return [response.status, error.code, error.param]
      })
      expect(yield* translate).toEqual([400, "unsupported_value", "model"])
      expect(yield* translate).toEqual([400, "unsupported_value", "model"])
    }),
  )

  it.effect("tells no client and no log the key of a server, which may repeat it when it refuses it", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(
        ({ cause, message }) => void lines.push(`${JSON.stringify(message)} ${JSON.stringify(cause)}`),
      )
      let status = 401
      const server = yield* openAiServer(({ authorization, path }, response) =>
        path === "/v1/health/ready"
          ? json(response, 404, {})
          : json(response, status, { error: { message: `Incorrect API key provided: ${authorization}` } }),
      )
      const settings = { parakeetKey: "a-wrong-key-of-ours", magpieKey: "a-wrong-key-of-ours" }
      const { url } = yield* startAviary(server, settings, { loggers: [logger] })
      const heard = yield* transcribe(url, wavOf(2_000))
      expect(heard.status).toBe(502)
      expect(heard.body.error?.message).toMatch(/does not let the gateway in/)
      status = 400
      const refused = yield* transcribe(url, wavOf(2_100))
      expect(refused.status).toBe(400)
      expect(refused.body.error?.message).toBe("Incorrect API key provided: Bearer …")
      expect(server.asked.length).toBeGreaterThan(0)
      expect(server.asked.every(({ authorization }) => authorization === "Bearer a-wrong-key-of-ours")).toBe(true)
      expect(lines.length).toBeGreaterThan(0)
      expect(lines.filter((line) => line.includes("a-wrong-key"))).toEqual([])
    }),
  )

  it.effect("speaks and hears through speaches", () =>
    Effect.gen(function* () {
      const server = yield* speaches()
      const { url } = yield* startAviary(server)
      expect((yield* spoken(url, { response_format: "mp3", voice: "bm_george" })).status).toBe(200)
      expect((yield* spoken(url)).status).toBe(200)
      const heard = yield* verbose(url)
      expect(heard.text).toBe(heardText)
      expect(heard.words.map(({ start, word }) => [word, start]).slice(0, 4)).toEqual([
        ["He", 0],
        ["might", 0.25],
        ["even.", 0.5],
        ["Have", 0.75],
      ])
    }),
  )

  it.effect("hears through a server that knows only json, and heals it like any other", () =>
    Effect.gen(function* () {
      const server = yield* jsonOnlyParakeet()
      const { url } = yield* startAviary(undefined, {
        parakeetUrl: server.url.href,
        parakeetRestart: server.restart,
        magpieUrl: server.url.href,
      })
      expect((yield* transcribe(url, wavOf(2_000))).body.text).toBe(heardText)
      server.wedge()
      const met = yield* transcribe(url, wavOf(2_100))
      expect({ status: met.status, code: met.body.error?.code, after: met.headers.get("retry-after") }).toEqual({
        status: 503,
        code: "engine_wedged",
        after: "60",
      })
      yield* eventually(transcribe(url, wavOf(2_200)), ({ status }) => status === 200)
      expect(server.to("/restart")).toHaveLength(1)
    }),
  )
})
