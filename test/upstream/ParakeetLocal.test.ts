import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, type Scope, Stream } from "effect"
import llamaTokenizer from "llama-tokenizer-js"
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { textOf } from "../../src/audio/Segment.ts"
import { Settings } from "../../src/Settings.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { recordingOf } from "../support/recordings.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { wordErrorRate } from "../support/wordErrors.ts"
import { nemoTransducer, senseVoice, whisper } from "../support/tinyModels.ts"

const clientOf = (directory: string, settings = {}) =>
  Layer.build(ParakeetClient.layerLocal(directory).pipe(Layer.provide(Settings.layerTest(settings)))).pipe(
    Effect.flatMap((context) => Effect.provide(Effect.service(ParakeetClient), context)),
  )

const folder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "aviary-model-" }))

const tone = recordingOf([Int16Array.from({ length: 32_000 }, (_, i) => Math.round(8_000 * Math.sin(i / 8)))])

const hear = (parakeet: ParakeetClient["Service"]) =>
  Effect.flatMap(tone, (recording) => Stream.runCollect(parakeet.transcribe(recording)))

const live = (
  title: string,
  run: () => Effect.Effect<void, unknown, Scope.Scope | FileSystem.FileSystem | Path.Path>,
) => it.live(title, () => Effect.scoped(run()).pipe(Effect.provide(NodeServices.layer)), { timeout: 120_000 })

describe("ParakeetClient.layerLocal", () => {
  live("runs a NeMo transducer, and says when each word was said", () =>
    Effect.gen(function* () {
      const parakeet = yield* clientOf(nemoTransducer(join(yield* folder, "sherpa-onnx-parakeet-tdt")))
      expect(parakeet.model).toBe("sherpa-onnx-parakeet-tdt")
      expect(parakeet.abilities).toMatchObject({ words: true, times: true })
      const heard = yield* hear(parakeet)
      expect(textOf(heard)).toBe("the birds sing.")
      expect(heard[0]!.words).toEqual([
        { word: "the", startMs: 0, endMs: 160 },
        { word: "birds", startMs: 160, endMs: 480 },
        { word: "sing.", startMs: 480, endMs: 800 },
      ])
    }),
  )

  live("runs a SenseVoice, and says which language it heard", () =>
    Effect.gen(function* () {
      const heard = yield* hear(yield* clientOf(senseVoice(yield* folder)))
      expect(heard).toMatchObject([{ text: "two birds", language: "en" }])
      expect(heard[0]!.words!.map(({ startMs, word }) => [word, startMs])).toEqual([
        ["two", 0],
        ["birds", 60],
      ])
    }),
  )

  live("runs a Whisper", () =>
    Effect.gen(function* () {
      const parakeet = yield* clientOf(whisper(yield* folder))
      expect(textOf(yield* hear(parakeet))).toBe("a bird")
      expect(parakeet.abilities).toMatchObject({ words: false, times: true })
    }),
  )

  live("runs a Moonshine, the one whose weights are there for the recognizer inside, and understands a human", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const weights = new URL("model/tiny/quantized/", import.meta.resolve("@usefulsensors/moonshine-js"))
      for (const file of ["encoder_model.onnx", "decoder_model_merged.onnx"])
        copyFileSync(new URL(file, weights), join(directory, file))
      const tokens = Array.from({ length: 32_768 }, (_, id) => llamaTokenizer.vocabById[id] ?? `<unused${id}>`)
      const lines = tokens.map((token, id) => `${Buffer.from(token).toString("base64")} ${id}\n`)
      writeFileSync(join(directory, "tokens.txt"), lines.join(""))
      const parakeet = yield* clientOf(directory)
      const [{ recording, text }] = humanSpeech
      const heard = yield* Stream.runCollect(parakeet.transcribe(recording))
      expect(wordErrorRate(text, textOf(heard))).toBeLessThanOrEqual(0.1)
    }),
  )

  live("hears on after its process was lost, which is started again", () =>
    Effect.gen(function* () {
      const parakeet = yield* clientOf(nemoTransducer(yield* folder))
      yield* hear(parakeet)
      const children = readdirSync("/proc/self/task").flatMap((task) =>
        (readFileSync(`/proc/self/task/${task}/children`, "utf8").match(/\d+/g) ?? []).map(Number),
      )
      expect(children).toHaveLength(1)
      process.kill(children[0]!, "SIGKILL")
      const again = yield* hear(parakeet).pipe(Effect.retry({ times: 5 }))
      expect(textOf(again)).toBe("the birds sing.")
    }),
  )
})
