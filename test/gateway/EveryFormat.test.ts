/**
 * Each of OpenAI's formats is what it says, for a decoder that nobody here wrote: without a complaint, as long as the speech, without a
 * gap where one engine call ends and the next begins, and understood when it is sent back. Streamed, and from the cache.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { Encoders } from "../../src/audio/Encoders.ts"
import { formatNames } from "../../src/audio/format/AudioFormat.ts"
import { noSounds } from "../../src/audio/Sounds.ts"
import { type Synthesizer, synthesize } from "../../src/speech/Synthesis.ts"
import { postSpeech, startAviary, transcriptText } from "../support/aviary.ts"
import { ffmpegDecode, headerlessPcm } from "../support/ffmpegDecode.ts"
import { mediaTypes } from "../support/speechSchemas.ts"
import { wordErrorRate } from "../support/wordErrors.ts"

const input =
  "The birds are singing in the old garden. Every morning they begin before the sun is up, and nobody minds."

const decode = (format: string, audio: Uint8Array) => ffmpegDecode(audio, format === "pcm" ? headerlessPcm : [])

class Gateway extends Context.Service<Gateway, { readonly url: string }>()("aviary/test/EveryFormat") {}

layer(Layer.effect(Gateway, startAviary(undefined)).pipe(Layer.provideMerge(NodeServices.layer)), {
  excludeTestServices: true,
  timeout: "4 minutes",
})("EveryFormat", (it) => {
  it.effect.each(formatNames)("%s: decoded without a complaint, as long as the speech, and understood", (format) =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      const get = Effect.fnUntraced(function* (response_format: string) {
        const response = yield* postSpeech(url, { input, response_format })
        expect(response.headers.get("content-type")).toBe(mediaTypes[response_format.toLowerCase() as "mp3"])
        const bytes = new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))
        return { bytes, cache: response.headers.get("x-cache") }
      })
      const wav = decode("wav", (yield* get("wav")).bytes)
      const streamed = yield* get(format)
      const kept = yield* get(format.toUpperCase())
      expect(kept.cache).toBe("HIT")
      for (const { bytes } of [streamed, kept]) {
        const { complaints, seconds } = decode(format, bytes)
        expect(complaints).toEqual([])
        expect(Math.abs(seconds / wav.seconds - 1)).toBeLessThan(0.02)
      }
      // A header that tells the length is the true one in what is kept, and has no other size.
      expect(kept.bytes.length).toBe(streamed.bytes.length)
      if (format === "wav") {
        expect(Buffer.from(kept.bytes).readUInt32LE(40)).toBe(kept.bytes.length - 44)
      }
      if (format === "flac") {
        expect(Buffer.from(kept.bytes).readUInt32BE(22)).toBe(
          decode("flac", kept.bytes).samples.length * (16_000 / 24_000),
        )
      }
      const headed = format === "pcm" ? (yield* get("wav")).bytes : kept.bytes
      const heard = yield* transcriptText(url, headed, `speech.${format === "pcm" ? "wav" : format}`)
      expect(wordErrorRate(input, heard), heard).toBeLessThanOrEqual(0.1)
    }),
  )
})

const rate = 22_050
const sentence = "This is a sentence to speak."

/** An engine whose voice is one tone that goes on through all utterances, in chunks of uneven length. */
const toneEngine = (): Synthesizer => {
  const tone = Int16Array.from({ length: rate * 4 }, (_, at) =>
    Math.round(10_000 * Math.sin((2 * Math.PI * 441 * at) / rate)),
  )
  const parts = [tone.subarray(0, 40_001), tone.subarray(40_001)]
  return {
    maxCharacters: 40,
    supportsSpeed: true,
    synthesize: () => {
      const part = parts.shift()!
      const cuts = Array.from({ length: Math.ceil(part.length / 1_777) }, (_, i) => i * 1_777)
      return Stream.fromIterable(cuts.map((at) => ({ sampleRate: rate, samples: part.subarray(at, at + 1_777) })))
    },
  }
}

layer(Encoders.layer, { excludeTestServices: true })("EveryFormat at a seam", (it) => {
  it.effect.each(formatNames)("%s: two utterances sound through at one level, and none of them is lost", (format) =>
    Effect.gen(function* () {
      const plan = {
        ...{ text: `${sentence} ${sentence}`, sounds: noSounds, rewritten: undefined, characters: 57 },
        ...{ voice: "Test", language: "en-US", speed: 1, format, sampleRate: 24_000, model: "test" },
      }
      const made = yield* Stream.runCollect(synthesize(plan, toneEngine(), yield* Encoders).bytes)
      const { samples } = decode(format, Buffer.concat(made))
      const exact = format === "flac" || format === "wav" || format === "pcm"
      expect(Math.abs(samples.length / 24_000 - 4)).toBeLessThan(exact ? 0.001 : 0.12)
      const level = (from: number) => Math.hypot(...samples.subarray(from, from + 480)) / Math.sqrt(480)
      // Codecs without a place for a length have up to 100 ms of silence at the ends.
      const levels = Array.from({ length: 185 }, (_, window) => level(2_400 + window * 480))
      // A fade of 5 ms at each side of the seam, which keeps it from clicking, takes a fifth of one window.
      expect(Math.min(...levels)).toBeGreaterThan(5_000)
      expect(levels.filter((one) => one < 6_000).length).toBeLessThanOrEqual(2)
      expect(Math.max(...levels)).toBeLessThan(8_500)
    }),
  )
})
