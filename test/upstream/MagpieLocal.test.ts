import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, type Scope, Stream } from "effect"
import { join } from "node:path"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { kitten, kokoro, matcha, piper, tinySamplesPerToken, vits } from "../support/tinyModels.ts"

const clientOf = (directory: string, settings = {}) =>
  Layer.build(MagpieClient.layerLocal(directory).pipe(Layer.provide(Settings.layerTest(settings)))).pipe(
    Effect.flatMap((context) => Effect.provide(Effect.service(MagpieClient), context)),
  )

const folder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "aviary-voice-" }))

const speak = (magpie: MagpieClient["Service"], voice: string, text: string) =>
  Effect.map(Stream.runCollect(magpie.synthesize({ text, voice, language: "en-US", speed: 1 })), (chunks) => ({
    rates: [...new Set(chunks.map(({ sampleRate }) => sampleRate))],
    tokens: chunks.map(({ samples }) => samples.length / tinySamplesPerToken),
    peaks: chunks.map(({ samples }) => Math.max(...samples)),
  }))

const live = (title: string, run: () => Effect.Effect<void, unknown, Scope.Scope | FileSystem.FileSystem>) =>
  it.live(title, () => Effect.scoped(run()).pipe(Effect.provide(NodeServices.layer)), { timeout: 120_000 })

describe("MagpieClient.layerLocal", () => {
  live("speaks with a VITS voice that reads from a lexicon, a sentence at a time", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(vits(join(yield* folder, "vits-tiny")))
      expect(magpie.model).toBe("vits-tiny")
      expect(yield* magpie.voices).toEqual(["vits-tiny"])
      const spoken = yield* speak(magpie, "vits-tiny", "Bird bird. Birds!")
      expect(spoken.rates).toEqual([22_050])
      expect(spoken.tokens).toHaveLength(2)
      expect(spoken.tokens[0]).toBeGreaterThan(spoken.tokens[1]!)
      expect(Math.min(...spoken.peaks)).toBeGreaterThan(1_000)
    }),
  )

  live("names the speakers of a voice of several by number, where they have no names", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(vits(yield* folder, { file: "en_US-tiny-low.onnx", speakers: 3 }))
      expect(yield* magpie.voices).toEqual(["en_US-tiny-low-0", "en_US-tiny-low-1", "en_US-tiny-low-2"])
      yield* speak(magpie, "en_US-tiny-low-2", "Bird.")
      const { reason } = yield* Effect.flip(speak(magpie, "en_US-tiny-low-3", "Bird."))
      expect(reason).toMatchObject({ _tag: "EngineRejected", status: 400 })
    }),
  )

  live("lives on where a text has nothing that the voice can say", () =>
    Effect.gen(function* () {
      const directory = vits(join(yield* folder, "vits-tiny"))
      const magpie = yield* clientOf(directory)
      const { tokens } = yield* speak(magpie, "vits-tiny", "日本")
      expect(tokens[0]).toBeLessThan(8)
      expect((yield* speak(magpie, "vits-tiny", "Birds.")).tokens).toHaveLength(1)
    }),
  )

  live("speaks with a Matcha voice and its vocoder", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(matcha(join(yield* folder, "matcha-zh")))
      expect(yield* magpie.voices).toEqual(["matcha-zh"])
      expect((yield* speak(magpie, "matcha-zh", "你好。")).tokens).toEqual([7])
    }),
  )

  live("speaks with a Kokoro, whose speakers have names that tell their language", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(kokoro(join(yield* folder, "kokoro-en")))
      expect(yield* magpie.voices).toEqual(["af_heart", "bm_george"])
      const { rates, tokens } = yield* speak(magpie, "bm_george", "Hello birds.")
      expect(rates).toEqual([24_000])
      expect(tokens[0]).toBeGreaterThan(8)
    }),
  )

  live("speaks with a Kitten", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(kitten(yield* folder))
      expect(yield* magpie.voices).toEqual(["expr-voice-2-m", "expr-voice-2-f"])
      expect((yield* speak(magpie, "expr-voice-2-f", "Hello birds.")).tokens[0]).toBeGreaterThan(8)
    }),
  )

  live("speaks with a Piper voice", () =>
    Effect.gen(function* () {
      const magpie = yield* clientOf(piper(yield* folder), { magpieModel: "my-piper" })
      expect(magpie.model).toBe("my-piper")
      expect(yield* magpie.voices).toEqual(["en_US-tiny-low"])
      const { rates, tokens } = yield* speak(magpie, "en_US-tiny-low", "Hello birds.")
      expect(rates).toEqual([16_000])
      expect(tokens[0]).toBeGreaterThan(8)
    }),
  )
})
