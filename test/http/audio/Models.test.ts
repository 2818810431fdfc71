import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { voiceAliases } from "../../../src/audio/Voice.ts"
import { Models } from "../../../src/http/audio/Models.ts"
import { EngineGuard } from "../../../src/health/EngineGuard.ts"
import { VoiceList } from "../../../src/speech/VoiceList.ts"
import { EngineError } from "../../../src/upstream/EngineError.ts"
import { EngineUnreachable } from "../../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../../src/upstream/MagpieClient.ts"
import { oneOfEach } from "../../support/fleet.ts"
import { Settings } from "../../../src/Settings.ts"

const own = { house: "tts-1", ears: "whisper-1" }

const modelsOver = (voices: MagpieClient["Service"]["voices"]) =>
  Models.layer.pipe(
    Layer.provide(VoiceList.layer),
    Layer.provide(EngineGuard.layerOpen),
    Layer.provide(oneOfEach({ magpie: { voices } })),
    Layer.provide(Settings.layerTest({ models: JSON.stringify(own) })),
  )

const twoVoices = Effect.succeed([
  "Magpie-Multilingual.EN-US.Mia",
  "Magpie-Multilingual.EN-US.Mia.Angry",
  "Magpie-Multilingual.ES-US.Diego.Calm",
])
const down = Effect.fail(new EngineError({ engine: "magpie", reason: new EngineUnreachable({ message: "refused" }) }))

const ids = Effect.gen(function* () {
  const models = yield* Models
  return (yield* models.list).map(({ id, kind }) => `${kind} ${id}`)
})

it.effect("lists both models and one entry per base voice", () =>
  Effect.gen(function* () {
    expect(yield* ids).toEqual([
      "stt test-parakeet",
      "tts test-magpie",
      "tts Magpie-Multilingual.EN-US.Mia",
      "tts Magpie-Multilingual.ES-US.Diego",
    ])
  }).pipe(Effect.provide(modelsOver(twoVoices))),
)

it.effect("tells which of OpenAI's names is which voice, each once, and as a speech resolves it", () =>
  Effect.gen(function* () {
    const voices = yield* (yield* Models).voices
    expect(voices.map(({ id, language, name }) => [id, name, language])).toEqual([
      ["Magpie-Multilingual.EN-US.Mia", "Mia (en-US)", "en-US"],
      ["Magpie-Multilingual.ES-US.Diego", "Diego (es-US)", "es-US"],
    ])
    expect(voices.flatMap(({ aliases }) => aliases).toSorted()).toEqual([...voiceAliases].toSorted())
    expect(voices[0]!.aliases).toContain("alloy")
    expect(voices[1]!.aliases).toEqual([])
  }).pipe(Effect.provide(modelsOver(twoVoices))),
)

it.effect("lists the rest while Magpie is down", () =>
  Effect.gen(function* () {
    expect(yield* ids).toEqual(["stt test-parakeet", "tts test-magpie"])
  }).pipe(Effect.provide(modelsOver(down))),
)

it.effect("waits two seconds for a Magpie that does not answer, and asks it once for all who wait", () => {
  let asked = 0
  return Effect.gen(function* () {
    const answer = yield* Deferred.make<ReadonlyArray<string>>()
    const hung = Effect.suspend(() => {
      asked++
      return Deferred.await(answer)
    })
    yield* Effect.gen(function* () {
      const first = yield* Effect.forkChild(ids)
      const second = yield* Effect.forkChild(ids)
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(first)).toEqual(["stt test-parakeet", "tts test-magpie"])
      expect(yield* Fiber.join(second)).toEqual(["stt test-parakeet", "tts test-magpie"])
      // The listing that was given up on goes on, and serves whoever comes next.
      yield* Deferred.succeed(answer, ["A.EN-US.B"])
      expect(yield* ids).toContain("tts A.EN-US.B")
      expect(asked).toBe(1)
    }).pipe(Effect.provide(modelsOver(hung)))
  })
})

it.effect("a caller that leaves does not take the listing from the next", () =>
  Effect.gen(function* () {
    const answer = yield* Deferred.make<ReadonlyArray<string>>()
    yield* Effect.gen(function* () {
      const leaver = yield* Effect.forkChild(ids)
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(leaver)
      const stayer = yield* Effect.forkChild(ids)
      yield* Deferred.succeed(answer, ["A.EN-US.B"])
      expect(yield* Fiber.join(stayer)).toContain("tts A.EN-US.B")
    }).pipe(Effect.provide(modelsOver(Deferred.await(answer))))
  }),
)

it.effect.each([
  ["test-parakeet", "stt"],
  ["whisper-1", "stt"],
  ["gpt-4o-transcribe", "stt"],
  ["gpt-4o-mini-transcribe-2025-12-15", "stt"],
  ["nvidia/parakeet-tdt-0.6b-v2", "stt"],
  ["parakeet-tdt-0.6b-v3", "stt"],
  ["test-magpie", "tts"],
  ["tts-1", "tts"],
  ["tts-1-hd", "tts"],
  ["tts-1-1106", "tts"],
  ["gpt-4o-mini-tts", "tts"],
  ["Magpie-Multilingual.ES-US.Diego", "tts"],
  ["TTS-1", "tts"],
  ["tts-1-hd-1106", "tts"],
  ["kokoro", "tts"],
  ["hexgrad/Kokoro-82M", "tts"],
  ["whisper-small", "stt"],
  ["Systran/faster-whisper-large-v3", "stt"],
  ["gpt-4o-transcribe-diarize", "stt"],
  ["House", "tts"],
  ["ears", "stt"],
] as const)("finds %s under its own name", ([id, kind]) =>
  Effect.gen(function* () {
    const models = yield* Models
    expect(yield* models.find(id)).toMatchObject({ id, kind, object: "model" })
  }).pipe(Effect.provide(modelsOver(twoVoices))),
)

it.effect.each(["", "tts-9", "parakeetish", "whisper-10", "Magpie-Multilingual.EN-US.Nobody"])(
  "does not know %j",
  (id) =>
    Effect.gen(function* () {
      const models = yield* Models
      expect(yield* Effect.flip(models.find(id))).toMatchObject({
        status: 404,
        code: "model_not_found",
        param: "model",
      })
      expect(yield* Effect.flip(models.forSpeech(id))).toMatchObject({ code: "model_not_found" })
      expect(yield* Effect.flip(models.forTranscription(id))).toMatchObject({ code: "model_not_found" })
    }).pipe(Effect.provide(modelsOver(twoVoices))),
)

it.effect("takes models where they belong, and a voice for a model that speaks", () =>
  Effect.gen(function* () {
    const models = yield* Models
    yield* models.forSpeech("tts-1")
    yield* models.forSpeech("Magpie-Multilingual.EN-US.Mia.Angry")
    yield* models.forTranscription("whisper-1")
    expect(yield* Effect.flip(models.forSpeech("whisper-1"))).toMatchObject({ status: 404 })
    expect(yield* Effect.flip(models.forTranscription("tts-1"))).toMatchObject({ status: 404 })
  }).pipe(Effect.provide(modelsOver(twoVoices))),
)

it.effect("leaves a model that might be a voice to the engine while the voices are unknown", () =>
  Effect.gen(function* () {
    const models = yield* Models
    yield* models.forSpeech("Magpie-Multilingual.EN-US.Mia")
  }).pipe(Effect.provide(modelsOver(down))),
)

it.effect("knows which engine an alias of OpenAI's is here, and leaves every other name", () =>
  Effect.gen(function* () {
    const { engineOf } = yield* Models
    for (const alias of ["tts-1", "tts-1-hd", "gpt-4o-mini-tts-2025-12-15"]) expect(engineOf(alias)).toBe("test-magpie")
    for (const alias of ["whisper-1", "gpt-4o-transcribe"]) expect(engineOf(alias)).toBe("test-parakeet")
    for (const name of ["test-magpie", "parakeet-1.1b", "tts-9"]) expect(engineOf(name)).toBe(name)
  }).pipe(Effect.provide(modelsOver(down))),
)

it.effect("who asks for a model that is not there is told which are", () =>
  Effect.gen(function* () {
    const models = yield* Models
    const told = Effect.map(Effect.flip(models.find("tts-9")), ({ message }) => message)
    expect(yield* told).toContain("test-parakeet, whisper-1")
    expect(yield* told).toContain("test-magpie, tts-1, tts-1-hd, gpt-4o-mini-tts, house.")
    const { message } = yield* Effect.flip(models.forTranscription("tts-1"))
    expect(message).toContain("There are: test-parakeet, whisper-1, gpt-4o-transcribe, ears.")
  }).pipe(Effect.provide(modelsOver(twoVoices))),
)
