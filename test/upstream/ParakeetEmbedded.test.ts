import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { textOf } from "../../src/audio/Segment.ts"
import { Settings } from "../../src/Settings.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { recordingOf, samplesOf } from "../support/recordings.ts"
import { transcriptOf } from "../support/heard.ts"

const [, { recording, text }] = humanSpeech

layer(
  Layer.merge(ParakeetClient.layerEmbedded, NodeServices.layer).pipe(
    Layer.provide(Settings.layerTest({ parakeetTimeout: "8 seconds" })),
  ),
  { excludeTestServices: true },
)("ParakeetClient.layerEmbedded", (it) => {
  it.effect("answers the whole text and its segments", () =>
    Effect.gen(function* () {
      const parakeet = yield* ParakeetClient
      const segments = yield* Stream.runCollect(parakeet.transcribe(recording))
      assert.strictEqual(textOf(segments).toLowerCase(), `${text}.`)
      assert.deepStrictEqual(segments, [{ startMs: 0, endMs: 3_290, text: textOf(segments) }])
      assert.strictEqual(parakeet.language("en"), "en-US")
    }),
  )

  it.effect("takes English by any of its names, and refuses other languages with a 400", () =>
    Effect.gen(function* () {
      const parakeet = yield* ParakeetClient
      for (const language of ["en", "en-GB", "EN_us", "English"]) yield* transcriptOf(parakeet, recording, { language })
      for (const language of ["de", "enm", "", "multi"]) {
        const { reason } = yield* Effect.flip(transcriptOf(parakeet, recording, { language }))
        assert.isTrue(reason._tag === "EngineRejected" && reason.status === 400)
      }
    }),
  )

  it.effect("gives up after AVIARY_PARAKEET_TIMEOUT", () =>
    Effect.gen(function* () {
      const long = yield* recordingOf(
        [...Array(80)].flatMap(() => humanSpeech.map((clip) => samplesOf(clip.recording))),
      )
      const { reason } = yield* Effect.flip(transcriptOf(yield* ParakeetClient, long))
      assert.strictEqual(reason._tag, "EngineTimedOut")
    }),
  )
})
