import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { recordingOfSpeech } from "../support/recordings.ts"
import { wordErrorRate } from "../support/wordErrors.ts"
import { transcriptOf } from "../support/heard.ts"

const texts = [
  "The harbor was full of small boats. By evening the streets were empty, and the lights went out.",
  "The quick brown fox jumps over the lazy dog.",
  "Please remember to buy milk, bread and eggs on your way home from work tomorrow.",
  "The weather will be sunny in the morning, with a chance of rain in the afternoon.",
  ...humanSpeech.map(({ text }) => `${text}.`),
]

const hello = { text: "Hello.", voice: "Flite.EN-US.SLT", language: "en-US", speed: 1 }

layer(
  Layer.mergeAll(MagpieClient.layerEmbedded, ParakeetClient.layerEmbedded, NodeServices.layer).pipe(
    Layer.provide(Settings.layerTest()),
  ),
  { excludeTestServices: true },
)("MagpieClient.layerEmbedded", (it) => {
  it.effect("says what ParakeetClient.layerEmbedded understands", () =>
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const parakeet = yield* ParakeetClient
      let heard = ""
      for (const text of texts) {
        const chunks = yield* Stream.runCollect(magpie.synthesize({ ...hello, text }))
        heard += ` ${yield* transcriptOf(parakeet, yield* recordingOfSpeech(chunks), { language: "en" })}`
      }
      assert.isAtMost(wordErrorRate(texts.join(" "), heard), 0.1)
    }),
  )

  it.effect("says a word by its sounds, whatever its letters are", () =>
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const parakeet = yield* ParakeetClient
      const text = "The old Xyzzy sat on the bench. Nobody knew the xyzzy's name."
      const ipa = "ˈdʒɛntəlmən"
      assert.isTrue(magpie.takesIpa?.(ipa))
      assert.isFalse(magpie.takesIpa?.("ǃxóõ"))
      const chunks = yield* Stream.runCollect(magpie.synthesize({ ...hello, text, sounds: new Map([["xyzzy", ipa]]) }))
      const heard = yield* transcriptOf(parakeet, yield* recordingOfSpeech(chunks), { language: "en" })
      assert.lengthOf(heard.match(/gentleman/gi) ?? [], 2, heard)
    }),
  )

  it.effect("lists voices by the pattern that tells their language", () =>
    Effect.gen(function* () {
      const voices = yield* (yield* MagpieClient).voices
      assert.isTrue(voices.length > 0 && voices.every((voice) => /^Flite\.EN-US\.[A-Z]+$/.test(voice)))
    }),
  )

  it.effect("refuses with a 400 what it cannot say", () =>
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      for (const wrong of [{ language: "de-DE" }, { voice: "Magpie-Multilingual.EN-US.Mia" }, { text: "日本語" }]) {
        const { reason } = yield* Effect.flip(Stream.runDrain(magpie.synthesize({ ...hello, ...wrong })))
        assert.isTrue(reason._tag === "EngineRejected" && reason.status === 400)
      }
    }),
  )
})
