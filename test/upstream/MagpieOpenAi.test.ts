import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Scope, Stream } from "effect"
import { voiceAliases } from "../../src/audio/Voice.ts"
import { Settings } from "../../src/Settings.ts"
import type { EngineAddress } from "../../src/upstream/EngineAddress.ts"
import type { EngineFailure } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { nemoSpeech } from "../support/nemoSpeech.ts"
import { type Answer, json, openAiServer, toneOf, wavOf } from "../support/openAiServers.ts"
import { speaches } from "../support/speaches.ts"

const text = "Hello there."

const clientOf = (address: Partial<EngineAddress> & Pick<EngineAddress, "url">, settings = {}) =>
  Layer.build(
    MagpieClient.layerAt({ protocol: "openai", ...address }).pipe(Layer.provide(Settings.layerTest(settings))),
  ).pipe(Effect.flatMap((context) => Effect.provide(Effect.service(MagpieClient), context)))

const speak = (magpie: MagpieClient["Service"], voice: string, language = "en-US") =>
  magpie.synthesize({ text, voice, language, speed: 1 }).pipe(
    Stream.runFold(
      () => ({ samples: 0, rates: new Set<number>() }),
      ({ rates, samples }, pcm) => ({ samples: samples + pcm.samples.length, rates: rates.add(pcm.sampleRate) }),
    ),
    Effect.map(({ rates, samples }) => ({ samples, rates: [...rates] })),
  )

const failureOf = (magpie: MagpieClient["Service"], voice = "alloy") =>
  Effect.map(Effect.flip(speak(magpie, voice)), ({ reason }): EngineFailure => reason)

const samplesAt = (sampleRate: number) => toneOf(text, sampleRate).length / 2

const live = (title: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(run()), { timeout: 60_000 })

/** A server that speaks by `answer`, and has nothing else. */
const speaking = (answer: Answer) =>
  openAiServer((asked, response) =>
    asked.path === "/v1/audio/speech"
      ? answer(asked, response)
      : json(response, 404, { error: { message: "no such route" } }),
  )

const wav: Answer = ({ fields }, response) => {
  const bytes = wavOf(toneOf(String(fields["input"]), 16_000), 16_000)
  response.writeHead(200, { "content-type": "audio/wav", "content-length": bytes.length }).end(bytes)
}

describe("MagpieClient.layerOpenAi", () => {
  live("speaks through NeMo-Speech.cpp, which answers whole WAVs and lists its voices with its models", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech()
      const magpie = yield* clientOf({ url: server.url, protocol: "auto" })
      expect(magpie.protocol).toBe("openai")
      expect(magpie.model).toBe("magpie_tts_multilingual_357m")
      expect(yield* magpie.voices).toEqual(["Sofia", "Aria", "Jason", "Leo", "John"])
      expect(yield* speak(magpie, "Aria")).toEqual({ samples: samplesAt(22_050), rates: [22_050] })
      yield* speak(magpie, "Aria", "es-US")
      expect(server.to("/v1/audio/speech").map(({ fields }) => fields)).toEqual([
        { model: "magpie_tts_multilingual_357m", input: text, voice: "Aria", response_format: "wav" },
        {
          model: "magpie_tts_multilingual_357m",
          input: text,
          voice: "Aria",
          response_format: "wav",
          language: "es-US",
        },
      ])
    }),
  )

  live("speaks through speaches, which wants its model's exact name and streams WAVs without a length", () =>
    Effect.gen(function* () {
      const server = yield* speaches()
      const magpie = yield* clientOf({ url: server.url, protocol: "auto" })
      expect(magpie.protocol).toBe("openai")
      expect(magpie.model).toBe("speaches-ai/Kokoro-82M-v1.0-ONNX")
      expect(yield* magpie.voices).toEqual(["af_heart", "bm_george", "ef_dora"])
      expect(yield* speak(magpie, "af_heart")).toEqual({ samples: samplesAt(24_000), rates: [24_000] })
    }),
  )

  live("asks for the model that the operator names, with the operator's key", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech({ key: "sesame-opens" })
      const address = { url: server.url, key: Redacted.make("sesame-opens"), model: "magpie-q8" }
      const magpie = yield* clientOf(address)
      expect(magpie.model).toBe("magpie-q8")
      yield* speak(magpie, "Aria")
      expect(server.to("/v1/audio/speech")[0]!.fields["model"]).toBe("magpie-q8")
      const shut = yield* clientOf({ url: server.url })
      expect(yield* failureOf(shut)).toMatchObject({ _tag: "EngineRejected", status: 401 })
    }),
  )

  live("asks for headerless samples once it was refused a WAV, and never again for a WAV", () =>
    Effect.gen(function* () {
      const server = yield* speaking(({ fields }, response) => {
        if (fields["response_format"] !== "pcm")
          return json(response, 400, { error: { message: "Unsupported response_format" } })
        response.writeHead(200, { "content-type": "audio/pcm" }).end(toneOf(text, 24_000))
      })
      const magpie = yield* clientOf(server)
      expect(yield* speak(magpie, "alloy")).toEqual({ samples: samplesAt(24_000), rates: [24_000] })
      yield* speak(magpie, "alloy")
      expect(server.to("/v1/audio/speech").map(({ fields }) => fields["response_format"])).toEqual([
        "wav",
        "pcm",
        "pcm",
      ])
    }),
  )

  live("believes the media type about the rate of headerless samples", () =>
    Effect.gen(function* () {
      const server = yield* speaking((_, response) => {
        response.writeHead(200, { "content-type": "audio/pcm;rate=22050;channels=1" }).end(toneOf(text, 22_050))
      })
      expect(yield* speak(yield* clientOf(server), "alloy")).toEqual({ samples: samplesAt(22_050), rates: [22_050] })
    }),
  )

  live("leaves the language out once it was told that there is no such field", () =>
    Effect.gen(function* () {
      const server = yield* speaking((asked, response) => {
        if (!("language" in asked.fields)) return wav(asked, response)
        json(response, 422, { detail: [{ loc: ["body", "language"], msg: "Extra inputs are not permitted" }] })
      })
      const magpie = yield* clientOf(server)
      yield* speak(magpie, "alloy", "de-DE")
      yield* speak(magpie, "alloy", "de-DE")
      expect(server.to("/v1/audio/speech").map(({ fields }) => fields["language"])).toEqual([
        "de-DE",
        undefined,
        undefined,
      ])
    }),
  )

  const cut: ReadonlyArray<readonly [string, Answer, Partial<Record<string, unknown>>]> = [
    [
      "half a WAV",
      (_, response) => {
        const bytes = wavOf(toneOf(text, 16_000), 16_000)
        response.writeHead(200, { "content-type": "audio/wav" }).end(bytes.subarray(0, bytes.length / 2))
      },
      { _tag: "EngineCut" },
    ],
    [
      "samples that end with their connection",
      (_, response) => {
        response.socket!.end(
          Buffer.concat([Buffer.from("HTTP/1.0 200 OK\r\ncontent-type: audio/pcm\r\n\r\n"), toneOf(text, 24_000)]),
        )
      },
      { _tag: "EngineMalformed" },
    ],
    [
      "an error under a good status",
      (_, response) => json(response, 200, { error: { message: "no" } }),
      { _tag: "EngineMalformed" },
    ],
    [
      "MP3 whatever is asked for",
      (_, response) => response.writeHead(200, { "content-type": "audio/mpeg" }).end("ID3 and so on"),
      { _tag: "EngineMalformed", message: "answered audio/mpeg when it was asked for wav" },
    ],
    [
      "that it is busy",
      (_, response) => json(response, 429, { error: { message: "too many" } }),
      { _tag: "EngineRejected", status: 429 },
    ],
  ]
  it.live.each(cut)("tells what it is to be answered %s", ([, answer, failure]) =>
    Effect.gen(function* () {
      expect(yield* failureOf(yield* clientOf(yield* speaking(answer)))).toMatchObject(failure)
    }).pipe(Effect.scoped),
  )

  live("passes on what a server says that was built without speech", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(yield* nemoSpeech({ without: "TTS" }))
      expect(yield* failureOf(magpie)).toMatchObject({
        _tag: "EngineRejected",
        status: 501,
        message: "this build does not include TTS",
      })
    }),
  )

  live("is ready when the server says so", () =>
    Effect.gen(function* () {
      let loaded = false
      const magpie = yield* clientOf(yield* nemoSpeech({ ready: () => loaded }))
      expect((yield* Effect.flip(magpie.ready)).reason._tag).toBe("EngineLoading")
      loaded = true
      yield* magpie.ready
      yield* (yield* clientOf(yield* speaches())).ready
    }),
  )

  const lists: ReadonlyArray<readonly [string, unknown, ReadonlyArray<string>]> = [
    ["names", { voices: ["af_sky", "af_bella", "af_sky"] }, ["af_sky", "af_bella"]],
    ["objects with an id and a name", { voices: [{ id: "mia", name: "Mia (en-US)" }] }, ["mia"]],
    ["objects with a name", { voices: [{ name: "af_sky", language: "en" }] }, ["af_sky"]],
    ["objects with a voice id", { voices: [{ voice_id: "v1", name: "One" }] }, ["v1"]],
    ["a list without a name", [{ id: "one" }, "two"], ["one", "two"]],
    ["data", { object: "list", data: [{ id: "one" }] }, ["one"]],
    ["nothing that can be read", { voices: 3 }, voiceAliases],
    ["none at all", { voices: [] }, voiceAliases],
  ]
  it.live.each(lists)("reads a voice list of %s", ([, body, voices]) =>
    Effect.gen(function* () {
      const server = yield* openAiServer(({ path }, response) =>
        path === "/v1/audio/voices" ? json(response, 200, body) : json(response, 404, {}),
      )
      expect(yield* (yield* clientOf(server)).voices).toEqual(voices)
    }).pipe(Effect.scoped),
  )

  live("takes the voices that the operator lists, and OpenAI's own names where nobody lists any", () =>
    Effect.gen(function* () {
      const server = yield* speaking(wav)
      const listed = yield* clientOf(server, { magpieVoices: "Aria, Leo" })
      expect(yield* listed.voices).toEqual(["Aria", "Leo"])
      expect(yield* (yield* clientOf(server)).voices).toEqual(voiceAliases)
      expect(server.to("/v1/audio/voices")).toHaveLength(1)
    }),
  )

  live("does not take a server that fails for one without voices", () =>
    Effect.gen(function* () {
      const server = yield* openAiServer((_, response) => json(response, 500, { error: { message: "CUDA is gone" } }))
      const { reason } = yield* Effect.flip((yield* clientOf(server)).voices)
      expect(reason).toMatchObject({ _tag: "EngineRejected", status: 500 })
    }),
  )
})
