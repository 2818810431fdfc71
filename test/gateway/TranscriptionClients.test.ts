/**
 * What people already run must work unmodified: OpenAI's own SDK, newest and one major older, the Vercel AI SDK with its defaults,
 * Mastra and LiveKit's plugin, each over the engine inside the gateway. Bodies are what OpenAI's specification says.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { createOpenAI } from "@ai-sdk/openai"
import { describe, expect, layer } from "@effect/vitest"
import { initializeLogger } from "@livekit/agents"
import { STT } from "@livekit/agents-plugin-openai"
import { AudioFrame } from "@livekit/rtc-node"
import { OpenAIVoice } from "@mastra/voice-openai"
import { parse } from "@plussub/srt-vtt-parser"
import { transcribe as aiTranscribe } from "ai"
import { Context, Effect, Layer } from "effect"
import OpenAI from "openai"
import OlderOpenAI from "openai-6"
import { createReadStream, readFileSync } from "node:fs"
import { startAviary } from "../support/aviary.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { samplesOf } from "../support/recordings.ts"
import { transcriptBodies, transcriptEvent, validated } from "../support/transcriptSchemas.ts"
import { wordErrors } from "../support/wordErrors.ts"

const [{ recording, text: said }] = humanSpeech
const bytes = readFileSync(recording.path)
const seconds = recording.samples / 16_000

class Aviary extends Context.Service<Aviary, { readonly url: string }>()("aviary/test/TranscriptionClients") {}

const aviary = Layer.effect(Aviary, startAviary(undefined, { embeddedRecognizer: "tiny" })).pipe(
  Layer.provideMerge(NodeServices.layer),
)

const heardWell = (text: string) => expect(wordErrors(said, text), text).toBeLessThanOrEqual(1)

/** The SDK's methods are asked for as people call them; both majors have the same. */
const sdks = [
  ["the newest openai", (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 })],
  [
    "openai of one major before",
    (url: string) => new OlderOpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 }) as unknown as OpenAI,
  ],
] as const

layer(aviary, { excludeTestServices: true, timeout: "2 minutes" })("TranscriptionClients", (it) => {
  describe.each(sdks)("%s", (_, make) => {
    const asked = Effect.map(Aviary, ({ url }) => {
      const { transcriptions, translations } = make(url).audio
      return { transcriptions, translations, file: () => createReadStream(recording.path) }
    })

    it.effect("hears json and text", () =>
      Effect.gen(function* () {
        const { file, transcriptions } = yield* asked
        const json = yield* Effect.promise(() => transcriptions.create({ model: "gpt-4o-transcribe", file: file() }))
        heardWell(validated(transcriptBodies.json, { ...json }).text)
        const text = yield* Effect.promise(() =>
          transcriptions.create({ model: "whisper-1", file: file(), response_format: "text" }),
        )
        heardWell(text)
      }),
    )

    it.effect("hears verbose_json with segments and words", () =>
      Effect.gen(function* () {
        const { file, transcriptions } = yield* asked
        const verbose = yield* Effect.promise(() =>
          transcriptions.create({
            ...{ model: "whisper-1", file: file(), language: "english", prompt: "A novel.", temperature: 0 },
            response_format: "verbose_json",
            timestamp_granularities: ["word", "segment"],
          }),
        )
        const { duration, language, segments, words } = validated(transcriptBodies.verbose_json, { ...verbose })
        heardWell(verbose.text)
        expect([language, duration]).toEqual(["english", seconds])
        expect(segments).not.toEqual([])
        expect(words!.map(({ word }) => word).join(" ")).toBe(verbose.text)
        const times = words!.flatMap(({ end, start }) => [start, end])
        expect(times).toEqual(times.toSorted((a, b) => a - b))
        // In the clip "John" begins at 0.63 seconds and "leisure" at 2.24.
        const startOf = (word: string) => words!.find((one) => one.word.toLowerCase().startsWith(word))?.start
        expect(startOf("john")).toBeCloseTo(0.63, 0)
        expect(startOf("leisure")).toBeCloseTo(2.24, 0)
        expect(times.at(-1)).toBeLessThanOrEqual(seconds)
      }),
    )

    it.effect.each(["srt", "vtt"] as const)("hears %s", (format) =>
      Effect.gen(function* () {
        const { file, transcriptions } = yield* asked
        const subtitles = yield* Effect.promise(() =>
          transcriptions.create({ model: "whisper-1", file: file(), response_format: format }),
        )
        const { entries } = parse(subtitles)
        heardWell(entries.map((entry: { readonly text: string }) => entry.text).join(" "))
      }),
    )

    it.effect("hears events, and iterates over them", () =>
      Effect.gen(function* () {
        const { file, transcriptions } = yield* asked
        const events = yield* Effect.promise(async () => {
          const stream = await transcriptions.create({ model: "gpt-4o-mini-transcribe", file: file(), stream: true })
          const all: Array<unknown> = []
          for await (const event of stream) all.push(validated(transcriptEvent, event))
          return all as ReadonlyArray<{ readonly type: string; readonly text?: string }>
        })
        expect(events[0]!.type).toBe("transcript.text.delta")
        expect(events.at(-1)!.type).toBe("transcript.text.done")
        heardWell(events.at(-1)!.text!)
      }),
    )

    it.effect("is told in its own error class what the engine here cannot do", () =>
      Effect.gen(function* () {
        const { file, transcriptions, translations } = yield* asked
        const refusal = (call: () => Promise<unknown>) =>
          Effect.promise(() =>
            call().then(
              () => undefined,
              (error: unknown) => error as Record<string, unknown>,
            ),
          )
        const diarized = yield* refusal(() =>
          transcriptions.create({
            ...{ model: "gpt-4o-transcribe-diarize", file: file(), response_format: "diarized_json" },
            chunking_strategy: "auto",
          }),
        )
        expect(diarized).toMatchObject({ status: 400, param: "response_format", code: "unsupported_value" })
        const translated = yield* refusal(() => translations.create({ model: "whisper-1", file: file() }))
        expect(translated).toMatchObject({ status: 400, param: "model", code: "unsupported_value" })
        const words = yield* refusal(() =>
          transcriptions.create({
            ...{ model: "whisper-1", file: file(), language: "de", response_format: "verbose_json" },
            timestamp_granularities: ["word"],
          }),
        )
        expect(words).toMatchObject({ status: 400 })
      }),
    )
  })

  it.effect("ai with @ai-sdk/openai hears with its defaults, and with segments where it asks for them", () =>
    Effect.gen(function* () {
      const { url } = yield* Aviary
      const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" })
      const heard = yield* Effect.promise(() =>
        aiTranscribe({ model: openai.transcription("whisper-1"), audio: bytes, maxRetries: 0 }),
      )
      heardWell(heard.text)
      expect(heard.language).toBe("en")
      expect(heard.durationInSeconds).toBe(seconds)
      expect(heard.segments.map(({ text }) => text).join("")).toBe(heard.text)
      const worded = yield* Effect.promise(() =>
        aiTranscribe({
          model: openai.transcription("whisper-1"),
          audio: bytes,
          maxRetries: 0,
          providerOptions: { openai: { timestampGranularities: ["word"], include: ["logprobs"] } },
        }),
      )
      heardWell(worded.text)
      const plain = yield* Effect.promise(() =>
        aiTranscribe({ model: openai.transcription("gpt-4o-mini-transcribe"), audio: bytes, maxRetries: 0 }),
      )
      heardWell(plain.text)
    }),
  )

  it.effect("Mastra hears with its defaults", () =>
    Effect.gen(function* () {
      const { url } = yield* Aviary
      const model = { apiKey: "none", options: { baseURL: `${url}/v1` } }
      const voice = new OpenAIVoice({
        listeningModel: { name: "whisper-1", ...model },
        speechModel: { name: "tts-1", ...model },
      })
      // It calls every file mp3: the bytes say what it is.
      heardWell(yield* Effect.promise(() => voice.listen(createReadStream(recording.path))))
    }),
  )

  it.effect("LiveKit's plugin hears with its defaults", () =>
    Effect.gen(function* () {
      const { url } = yield* Aviary
      initializeLogger({ pretty: false, level: "silent" })
      const stt = new STT({ baseURL: `${url}/v1`, apiKey: "none", model: "gpt-4o-mini-transcribe", useRealtime: false })
      const samples = samplesOf(recording)
      const frame = new AudioFrame(samples, 16_000, 1, samples.length)
      const heard = yield* Effect.promise(() => stt.recognize([frame]))
      heardWell(heard.alternatives![0].text)
    }),
  )
})
