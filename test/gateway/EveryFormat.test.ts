/**
 * Each of OpenAI's formats is what it says, for a decoder that nobody here wrote: without a complaint, as long as the speech, without a
 * gap where one engine call ends and the next begins, and understood when it is sent back. Streamed, and from the cache.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Encoders } from "../../src/audio/Encoders.ts"
import { formatNames } from "../../src/audio/format/AudioFormat.ts"
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

layer(Encoders.layer, { excludeTestServices: true })("EveryFormat at a seam", (it) => {
  it.effect.each(formatNames)("%s: what comes in pieces sounds through, and keeps its pitch and level", (format) =>
    Effect.gen(function* () {
      const rate = 22_050
      const pitch = 441
      const tone = Int16Array.from({ length: rate * 2 }, (_, at) =>
        Math.round(10_000 * Math.sin((2 * Math.PI * pitch * at) / rate)),
      )
      const encoder = yield* Effect.flatMap(Encoders, (encoders) =>
        encoders.open({ format, sampleRate: 24_000, inputSampleRate: rate }),
      )
      const made: Array<Uint8Array> = []
      // Two utterances of uneven length, as an engine gives them.
      for (const part of [tone.subarray(0, 20_001), tone.subarray(20_001)]) {
        for (let at = 0; at < part.length; at += 1_777) made.push(yield* encoder.encode(part.subarray(at, at + 1_777)))
      }
      made.push((yield* encoder.flush).bytes)
      const { samples } = decode(format, Buffer.concat(made))
      const level = (from: number) => Math.hypot(...samples.subarray(from, from + 480)) / Math.sqrt(480)
      // Codecs without a place for a length have up to 100 ms of silence at the ends.
      const levels = Array.from({ length: 85 }, (_, window) => level(2_400 + window * 480))
      expect(Math.min(...levels)).toBeGreaterThan(6_000)
      expect(Math.max(...levels)).toBeLessThan(8_500)
    }),
  )
})
