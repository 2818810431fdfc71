import { NodeServices } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Stream } from "effect"
import { recordingSampleRate } from "../../src/audio/Recording.ts"
import { makeResampler } from "../../src/audio/Resampler.ts"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { nimLayer } from "../../src/cli/nim.ts"
import { NimServer } from "../../src/nim/NimServer.ts"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { wordErrorRate } from "../support/wordErrors.ts"
import { transcriptOf } from "../support/heard.ts"

// What `aviary nim` serves, and what a gateway in front of it hears: real engines at both ends of a real connection.
const nim = nimLayer({ host: "127.0.0.1", port: 0, serve: "both", realTime: false, faults: false })
const clients = Layer.unwrap(
  Effect.map(NimServer, ({ url }) => Layer.mergeAll(MagpieClient.layerNim(url), ParakeetClient.layerNim(url))),
).pipe(Layer.provide([nim, Settings.layerTest()]), Layer.provideMerge(NodeServices.layer))

const sentence = "The harbour was quiet that morning, and three small boats were waiting for the tide."
/** The same, of words that say nothing of how they sound. */
const written = sentence.replace("morning", "xyzzy").replace("waiting", "Qwfp")
const sounds = new Map([
  ["xyzzy", "ˈmɔɹnɪŋ"],
  ["qwfp", "ˈweɪtɪŋ"],
])

layer(clients, { excludeTestServices: true, timeout: "3 minutes" })("nimEnginesEmbedded", (it) => {
  it.effect("hears through both clients what it said, also by its sounds", () =>
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const parakeet = yield* ParakeetClient
      const fs = yield* FileSystem.FileSystem
      yield* magpie.ready
      const [voice = ""] = yield* magpie.voices
      const resampler = makeResampler(22_050, recordingSampleRate)
      const pieces = yield* magpie.synthesize({ text: written, voice, language: "en-US", speed: 1, sounds }).pipe(
        Stream.map(({ sampleRate, samples }) => {
          expect(sampleRate).toBe(22_050)
          return resampler.process(samples)
        }),
        Stream.runCollect,
      )
      const bytes = Buffer.concat(
        [...pieces, resampler.flush()].map(({ buffer, byteLength, byteOffset }) =>
          Buffer.from(buffer, byteOffset, byteLength),
        ),
      )
      const path = yield* fs.makeTempFileScoped({ suffix: ".wav" })
      yield* fs.writeFile(path, Buffer.concat([wavHeader(recordingSampleRate, bytes.length), bytes]))
      const heard = yield* transcriptOf(parakeet, { path, samples: bytes.length / 2 }, { language: "en" })
      expect(wordErrorRate(sentence, heard)).toBeLessThanOrEqual(0.1)
    }),
  )

  it.effect("calls a text without a sound, and a file that is no audio, the client's fault", () =>
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const parakeet = yield* ParakeetClient
      const fs = yield* FileSystem.FileSystem
      const path = yield* fs.makeTempFileScoped({ suffix: ".wav" })
      yield* fs.writeFile(path, Buffer.from("RIFF of no use at all"))
      const heard = yield* Effect.flip(transcriptOf(parakeet, { path, samples: 1 }, { language: "en" }))
      expect(heard.reason).toMatchObject({ _tag: "EngineRejected", status: 400 })
      const [voice = ""] = yield* magpie.voices
      const spoken = yield* Effect.flip(
        Stream.runDrain(magpie.synthesize({ text: "…", voice, language: "en-US", speed: 1 })),
      )
      expect(spoken.reason).toMatchObject({ _tag: "EngineRejected", status: 400 })
    }),
  )
})
