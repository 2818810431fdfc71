/**
 * What people already run speaks through the gateway with nothing changed but its base URL: OpenAI's own client, the newest and the one
 * before its last break, by every method and format; the Vercel AI SDK with its defaults; and the exact requests of programs that write
 * their own.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { createOpenAI } from "@ai-sdk/openai"
import { expect, layer } from "@effect/vitest"
import { generateSpeech } from "ai"
import { Context, Effect, Layer, Schema } from "effect"
import OpenAI from "openai"
import OpenAI6 from "openai-6"
import { formatNames } from "../../src/audio/format/AudioFormat.ts"
import { startAviary } from "../support/aviary.ts"
import { ffmpegDecode, headerlessPcm } from "../support/ffmpegDecode.ts"
import { audioOf, speechEventsIn } from "../support/speechEvents.ts"
import { ErrorBody, mediaTypes, ModelList } from "../support/speechSchemas.ts"

const input = "The birds are singing in the morning."

class Gateway extends Context.Service<Gateway, { readonly url: string }>()("aviary/test/SpeechClients") {}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/audio/speech`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  })

/** What each of these programs sends, as recorded from its source; see docs/clients.md. */
const recorded: ReadonlyArray<readonly [string, Record<string, unknown>, type: string]> = [
  ["Open WebUI", { model: "tts-1", input, voice: "alloy" }, "audio/mpeg"],
  ["sfortis, checking a server", { model: "tts-1", input: ".", voice: "alloy", response_format: "mp3" }, "audio/mpeg"],
  [
    "sfortis, speaking",
    { model: "tts-1", input, voice: "shimmer", response_format: "mp3", speed: 1, instructions: "None" },
    "audio/mpeg",
  ],
  [
    "Home Assistant",
    { model: "gpt-4o-mini-tts", input, voice: "marin", instructions: "None", speed: 1.0, response_format: "opus" },
    "audio/ogg",
  ],
  ["wyoming_openai", { model: "tts-1", input, voice: "alloy", response_format: "wav" }, "audio/wav"],
  ["LibreChat", { input, model: "tts-1", voice: "alloy", backend: "openai" }, "audio/mpeg"],
  ["SillyTavern", { input, response_format: "mp3", voice: "alloy", speed: 1, model: "tts-1" }, "audio/mpeg"],
  [
    "SillyTavern, streamed",
    { input, response_format: "wav", voice: "alloy", speed: 1, model: "tts-1", stream: true, retry_badcase: true },
    "audio/wav",
  ],
  ["AnythingLLM", { model: "tts-1", voice: "alloy", input }, "audio/mpeg"],
  ["LiteLLM", { model: "tts-1", input, voice: "alloy", response_format: null, speed: null }, "audio/mpeg"],
  ["Pipecat", { model: "gpt-4o-mini-tts", input, voice: "ballad", response_format: "pcm" }, "audio/pcm"],
]

layer(Layer.effect(Gateway, startAviary(undefined)).pipe(Layer.provideMerge(NodeServices.layer)), {
  excludeTestServices: true,
  timeout: "4 minutes",
})("SpeechClients", (it) => {
  for (const [name, Client] of [
    ["openai, the newest", OpenAI],
    ["openai 6", OpenAI6 as unknown as typeof OpenAI],
  ] as const) {
    it.effect(`${name}: every format, whole and as a stream, by its own and by other voices`, () =>
      Effect.gen(function* () {
        const { url } = yield* Gateway
        const client = new Client({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 })
        for (const response_format of formatNames) {
          const asked = { model: "gpt-4o-mini-tts", voice: "coral", input, response_format } as const
          const whole = yield* Effect.promise(() => client.audio.speech.create(asked))
          expect(whole.headers.get("content-type")).toBe(mediaTypes[response_format])
          const bytes = Buffer.from(yield* Effect.promise(() => whole.arrayBuffer()))
          const { seconds } = ffmpegDecode(bytes, response_format === "pcm" ? headerlessPcm : [])
          expect(seconds, response_format).toBeGreaterThan(1.5)
          const streamed = yield* Effect.promise(async () => {
            const { body } = await client.audio.speech.create({
              ...asked,
              voice: "shimmer",
              instructions: "Cheerfully.",
            })
            const chunks: Array<Uint8Array> = []
            for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk)
            return Buffer.concat(chunks)
          })
          expect(streamed.length).toBe(bytes.length)
        }
      }),
    )

    it.effect(`${name}: events, speed, and a mistake in its own class`, () =>
      Effect.gen(function* () {
        const { url } = yield* Gateway
        const client = new Client({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 })
        yield* Effect.promise(async () => {
          const asked = { model: "gpt-4o-mini-tts", voice: "cedar", input, speed: 1.5, response_format: "pcm" } as const
          const events = await client.audio.speech.create({ ...asked, stream_format: "sse" })
          const plain = await client.audio.speech.create(asked)
          expect(audioOf(speechEventsIn(await events.text()))).toEqual(Buffer.from(await plain.arrayBuffer()))
          const failed = await client.audio.speech
            .create({ ...asked, voice: "nobody" })
            .catch((error: unknown) => error)
          expect(failed).toBeInstanceOf(Client.BadRequestError)
          expect(failed).toMatchObject({ code: "voice_not_found" })
        })
      }),
    )
  }

  it.effect("ai with @ai-sdk/openai: speech by its defaults, and in each format", () =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      const provider = createOpenAI({ baseURL: `${url}/v1`, apiKey: "unused" })
      yield* Effect.promise(async () => {
        const model = provider.speech("tts-1")
        const { audio, warnings } = await generateSpeech({ model, text: input, maxRetries: 0 })
        expect(warnings).toEqual([])
        expect(audio.mediaType).toMatch(/^audio\/(mpeg|mp3)$/)
        expect(audio.uint8Array.length).toBeGreaterThan(5_000)
        for (const outputFormat of ["opus", "aac", "flac", "wav"]) {
          const made = await generateSpeech({
            model,
            text: input,
            outputFormat,
            voice: "nova",
            speed: 1.25,
            maxRetries: 0,
          })
          expect(ffmpegDecode(made.audio.uint8Array).seconds, outputFormat).toBeGreaterThan(1)
        }
      })
    }),
  )

  it.effect.each(recorded)("%s: its recorded request is answered with what it expects", ([, body, type]) =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      const response = yield* Effect.promise(() => post(url, JSON.stringify(body), { accept: "*/*" }))
      expect([response.status, response.headers.get("content-type")]).toEqual([200, type])
      expect((yield* Effect.promise(() => response.arrayBuffer())).byteLength).toBeGreaterThan(1_000)
    }),
  )

  it.effect("listings and errors have the shapes of OpenAI's specification", () =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      yield* Effect.promise(async () => {
        const models: unknown = await (await fetch(`${url}/v1/models`)).json()
        expect(Schema.decodeUnknownSync(ModelList)(models).data.length).toBeGreaterThan(5)
        for (const body of ["{", "{}", '{"model":"tts-9","input":"a"}', '{"model":"tts-1","input":""}']) {
          const error: unknown = await (await post(url, body)).json()
          expect(() => Schema.decodeUnknownSync(ErrorBody)(error)).not.toThrow()
        }
      })
    }),
  )
})
