/**
 * People upload what they have. The same recording has the same transcript in whatever it is wrapped; what is odd about a file is the
 * decoder's business. Those that the gateway does not decode itself are made and read by ffmpeg.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { startAviary, transcriptText } from "../support/aviary.ts"
import { wordErrors, words } from "../support/wordErrors.ts"

const clip = "sense-and-sensibility-0930"
const said = "he might even have been made amiable himself"
const fixture = (name: string) => fileURLToPath(new URL(`../support/audio/${name}`, import.meta.url))

class Aviary extends Context.Service<Aviary, { readonly url: string; readonly folder: string }>()(
  "aviary/test/AnyFile",
) {}

const aviary = Layer.effect(
  Aviary,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { url } = yield* startAviary(undefined, { embeddedRecognizer: "tiny" })
    return { url, folder: yield* fs.makeTempDirectoryScoped() }
  }),
).pipe(Layer.provideMerge(NodeServices.layer))

const transcriptOf = (path: string) =>
  Effect.flatMap(Aviary, ({ url }) => transcriptText(url, readFileSync(path), "recording"))

/** Telephones and old codecs lose what lies above 4 kHz, and a word may go with it. */
const heard = (text: string, wrong: number) => expect(wordErrors(said, text), text).toBeLessThanOrEqual(wrong)

layer(aviary, { excludeTestServices: true, timeout: "2 minutes" })("AnyFile", (it) => {
  it.effect.each(["wav", "flac", "mp3", "ogg", "opus", "webm", "m4a", "aac"])(
    "a recording as %s says the same",
    (ending) =>
      Effect.gen(function* () {
        heard(yield* transcriptOf(fixture(`${clip}.${ending}`)), 0)
      }),
  )

  it.effect("a live WebM, which does not say how long it is, says the same", () =>
    Effect.gen(function* () {
      heard(yield* transcriptOf(fixture(`${clip}-live.webm`)), 0)
    }),
  )

  it.effect.each([
    ["aiff", ["-c:a", "pcm_s16be"], 0],
    ["caf", ["-c:a", "pcm_s16le"], 0],
    ["au", ["-c:a", "pcm_s16be"], 0],
    ["mp4", ["-c:a", "aac"], 0],
    ["spx", ["-c:a", "libspeex"], 1],
    ["adpcm.wav", ["-c:a", "adpcm_ms"], 1],
    ["mp3.wav", ["-c:a", "libmp3lame"], 0],
    ["gsm.wav", ["-c:a", "libgsm_ms", "-ar", "8000"], 2],
  ] as const)("a recording as %s says the same, by ffmpeg", ([ending, coded, wrong]) =>
    Effect.gen(function* () {
      const path = join((yield* Aviary).folder, `recording.${ending}`)
      execFileSync("ffmpeg", ["-y", "-loglevel", "error", "-i", fixture(`${clip}.wav`), ...coded, path])
      heard(yield* transcriptOf(path), wrong)
    }),
  )

  it.effect("a recording of a phone as amr says the same, by ffmpeg", () =>
    Effect.gen(function* () {
      heard(yield* transcriptOf(fixture(`${clip}.amr`)), 2)
    }),
  )

  it.effect.each(["stereo-antiphase.flac", "mp3-two-id3-tags.mp3", "wav-gsm610.wav"])(
    "the odd file %s says what its left channel says as a plain WAV",
    (odd) =>
      Effect.gen(function* () {
        const plain = join((yield* Aviary).folder, `${odd}.wav`)
        const left = ["-af", "pan=mono|c0=c0", "-ar", "16000", "-c:a", "pcm_s16le"]
        execFileSync("ffmpeg", ["-y", "-loglevel", "error", "-i", fixture(odd), ...left, plain])
        const expected = yield* transcriptOf(plain)
        const text = yield* transcriptOf(fixture(odd))
        expect(words(expected).length).toBeGreaterThan(3)
        expect(wordErrors(expected, text), `${expected} -> ${text}`).toBe(0)
      }),
  )

  it.effect("quiet recordings, and channels that cancel each other out, are heard", () =>
    Effect.gen(function* () {
      const { folder } = yield* Aviary
      const made = (name: string, filter: string) => {
        const path = join(folder, name)
        execFileSync("ffmpeg", ["-y", "-loglevel", "error", "-i", fixture(`${clip}.wav`), "-af", filter, path])
        return path
      }
      heard(yield* transcriptOf(made("quiet.wav", "volume=-40dB")), 1)
      heard(yield* transcriptOf(made("antiphase.wav", "pan=stereo|c0=c0|c1=-1*c0")), 0)
    }),
  )
})
