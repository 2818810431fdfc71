import { describe, expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer, Path, Redacted, type Scope, Stream } from "effect"
import { readFile } from "node:fs/promises"
import { textOf } from "../../src/audio/Segment.ts"
import { Settings } from "../../src/Settings.ts"
import type { EngineAddress } from "../../src/upstream/EngineAddress.ts"
import type { Listening } from "../../src/upstream/Listening.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { jsonOnlyParakeet } from "../support/jsonOnlyParakeet.ts"
import { nemoSpeech } from "../support/nemoSpeech.ts"
import { type Answer, heardText, json, openAiServer } from "../support/openAiServers.ts"
import { recordingOf } from "../support/recordings.ts"
import { speaches } from "../support/speaches.ts"

const clientOf = (address: Partial<EngineAddress> & Pick<EngineAddress, "url">, settings = {}) =>
  Layer.build(
    ParakeetClient.layerAt({ protocol: "openai", ...address }).pipe(Layer.provide(Settings.layerTest(settings))),
  ).pipe(Effect.flatMap((context) => Effect.provide(Effect.service(ParakeetClient), context)))

const recording = recordingOf([Int16Array.from({ length: 32_000 }, (_, i) => i % 1_000)])

const hear = (parakeet: ParakeetClient["Service"], asked?: Listening) =>
  Effect.flatMap(recording, (one) => Stream.runCollect(parakeet.transcribe(one, asked)))

const live = (
  title: string,
  run: () => Effect.Effect<void, unknown, Scope.Scope | FileSystem.FileSystem | Path.Path>,
) => it.live(title, () => Effect.scoped(run()).pipe(Effect.provide(NodeServices.layer)), { timeout: 60_000 })

const transcribing = (answer: Answer) =>
  openAiServer((asked, response) =>
    asked.path === "/v1/audio/transcriptions" ? answer(asked, response) : json(response, 404, { detail: "Not Found" }),
  )

const refuse =
  (field: string, message: string): Answer =>
  (asked, response) =>
    asked.fields[field] === undefined
      ? json(response, 200, { text: heardText })
      : json(response, 400, { error: { message } })

const path = "/v1/audio/transcriptions"

describe("ParakeetClient.layerOpenAi", () => {
  live("hears through NeMo-Speech.cpp, which tells when each word was said", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech({ key: "sesame-opens" })
      const parakeet = yield* clientOf({ url: server.url, protocol: "auto", key: Redacted.make("sesame-opens") })
      expect(parakeet.protocol).toBe("openai")
      expect(parakeet.model).toBe("parakeet-tdt-0.6b-v3")
      const segments = yield* hear(parakeet, { language: "en-US", prompt: "Birds" })
      expect(textOf(segments)).toBe(heardText)
      expect(segments.flatMap(({ words }) => words ?? []).map(({ word, startMs }) => [word, startMs])).toEqual([
        ["He", 0],
        ["might", 250],
        ["even.", 500],
        ["Have", 750],
        ["been", 1_000],
        ["made", 1_250],
        ["amiable", 1_500],
        ["himself.", 1_750],
      ])
      expect(server.to(path)[0]!.fields).toEqual({
        model: "parakeet-tdt-0.6b-v3",
        response_format: "verbose_json",
        "timestamp_granularities[]": ["word", "segment"],
        language: "en",
        prompt: "Birds",
      })
    }),
  )

  live("sends the recording as it is: a WAV of 16 kHz", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech()
      const one = yield* recording
      yield* Stream.runDrain((yield* clientOf(server)).transcribe(one))
      expect(server.to(path)[0]!.file!.equals(yield* Effect.promise(() => readFile(one.path)))).toBe(true)
    }),
  )

  live("hears through speaches, which wants its model's exact name and tells segments and words", () =>
    Effect.gen(function* () {
      const server = yield* speaches()
      const parakeet = yield* clientOf({ url: server.url, protocol: "auto" })
      expect(parakeet.protocol).toBe("openai")
      expect(parakeet.model).toBe("Systran/faster-distil-whisper-small.en")
      const segments = yield* hear(parakeet, { language: "en-US" })
      expect(
        segments.map(({ endMs, language, startMs, text, words }) => [startMs, endMs, text, language, words?.length]),
      ).toEqual([
        [0, 700, "He might even.", "en", 3],
        [750, 1_950, " Have been made amiable himself.", "en", 5],
      ])
      expect(parakeet.abilities).toMatchObject({ words: true, times: true })
    }),
  )

  live("hears through a server that knows only json, and asks it for nothing else a second time", () =>
    Effect.gen(function* () {
      const server = yield* jsonOnlyParakeet()
      const parakeet = yield* clientOf({ url: server.url, protocol: "auto" })
      expect(parakeet.protocol).toBe("openai")
      expect(parakeet.model).toBe("whisper-1")
      expect(yield* hear(parakeet)).toEqual([{ startMs: 0, endMs: 2_000, text: heardText }])
      expect(parakeet.abilities).toMatchObject({ words: false, times: false })
      yield* hear(parakeet)
      expect(server.to(path).map(({ fields }) => fields["response_format"])).toEqual(["verbose_json", "json", "json"])
    }),
  )

  live("does without the times of words where only these are refused", () =>
    Effect.gen(function* () {
      const server = yield* transcribing(
        refuse("timestamp_granularities[]", "timestamp_granularities is not supported"),
      )
      yield* hear(yield* clientOf(server))
      expect(server.to(path).map(({ fields }) => fields["response_format"])).toEqual(["verbose_json", "verbose_json"])
    }),
  )

  live("asks for words again where they were refused for one recording's language", () =>
    Effect.gen(function* () {
      const server = yield* transcribing(({ fields }, response) =>
        fields["language"] === "de" && fields["timestamp_granularities[]"] !== undefined
          ? json(response, 400, { error: { message: "timestamp_granularities: words are known for English only" } })
          : json(response, 200, { text: heardText }),
      )
      const parakeet = yield* clientOf(server)
      yield* hear(parakeet, { language: "de" })
      yield* hear(parakeet, { language: "en" })
      expect(server.to(path).map(({ fields }) => fields["timestamp_granularities[]"] !== undefined)).toEqual([
        true,
        false,
        true,
      ])
    }),
  )

  live("names the region of a language once a server has refused it without", () =>
    Effect.gen(function* () {
      const server = yield* transcribing(({ fields }, response) =>
        /^..-..$/.test(String(fields["language"]))
          ? json(response, 200, { text: heardText })
          : json(response, 400, { error: { message: "unsupported language" } }),
      )
      const parakeet = yield* clientOf(server)
      yield* hear(parakeet, { language: "de" })
      yield* hear(parakeet, { language: "es" })
      expect(server.to(path).map(({ fields }) => fields["language"])).toEqual(["de", "de-DE", "es-US"])
    }),
  )

  live("lets the server find the language out where neither request nor setting names one", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech()
      yield* hear(yield* clientOf(server))
      yield* hear(yield* clientOf(server, { parakeetLanguage: "es-US" }))
      expect(server.to(path).map(({ fields }) => fields["language"])).toEqual([undefined, "es"])
    }),
  )

  live("asks the route that translates for English, and knows once that there is none", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech()
      const parakeet = yield* clientOf(server)
      expect(parakeet.abilities.translates).toBe(true)
      const { reason } = yield* Effect.flip(hear(parakeet, { translate: true }))
      expect(reason).toMatchObject({ _tag: "EngineRejected", status: 404 })
      expect(server.to("/v1/audio/translations")).toHaveLength(1)
      expect(parakeet.abilities.translates).toBe(false)
    }),
  )

  live("makes a call that met a CUDA fault once, whatever its status and whatever else it says", () =>
    Effect.gen(function* () {
      const fault = "CUDA error: an illegal memory access was encountered while writing verbose_json"
      const server = yield* transcribing((_, response) => json(response, 422, { detail: fault }))
      const { reason } = yield* Effect.flip(hear(yield* clientOf(server), { language: "en" }))
      expect(reason).toMatchObject({ _tag: "EngineRejected", status: 422, message: fault })
      expect(server.to(path)).toHaveLength(1)
    }),
  )

  live("passes on what a server says that was built without ears", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(hear(yield* clientOf(yield* nemoSpeech({ without: "ASR" }))))
      expect(reason).toMatchObject({ _tag: "EngineRejected", status: 501, message: "this build does not include ASR" })
    }),
  )

  live("is ready where the server has nothing but its list of models to say so", () =>
    Effect.gen(function* () {
      const server = yield* openAiServer((asked, response) =>
        asked.path === "/v1/models" ? json(response, 200, { data: [] }) : json(response, 404, {}),
      )
      yield* (yield* clientOf(server)).ready
      const { reason } = yield* Effect.flip((yield* clientOf(yield* transcribing(() => {}))).ready)
      expect(reason).toMatchObject({ _tag: "EngineRejected", status: 404 })
    }),
  )
})
