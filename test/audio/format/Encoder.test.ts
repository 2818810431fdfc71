import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { MPEGDecoder } from "mpg123-decoder"

import {
  contentTypeOf,
  encodedSampleRate,
  formatNames,
  formatsAccepted,
  plannedSampleRate,
} from "../../../src/audio/format/AudioFormat.ts"
import { type EncoderOptions, makeEncoder } from "../../../src/audio/format/Encoder.ts"
import { wavHeader } from "../../../src/audio/WavHeader.ts"
import { seededRandom } from "../../support/seededRandom.ts"

const speechLike = (length: number, seed = 7) => {
  const random = seededRandom(seed)
  return Int16Array.from({ length }, (_, at) => Math.round(9_000 * Math.sin(at / 20) + random(2_000) - 1_000))
}

const make = (options: EncoderOptions) => Effect.promise(() => makeEncoder(options))

const encode = (options: EncoderOptions, samples: Int16Array, size = 2_400) =>
  Effect.map(make(options), (encoder) => {
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < samples.length; at += size) chunks.push(encoder.encode(samples.subarray(at, at + size)))
    chunks.push(encoder.flush())
    encoder.close?.()
    return Buffer.concat(chunks)
  })

const decodeMp3 = (bytes: Uint8Array) =>
  Effect.promise(async () => {
    // Gapless playback would need the LAME tag that is left out on purpose.
    const decoder = new MPEGDecoder({ enableGapless: false })
    await decoder.ready
    const decoded = decoder.decode(bytes)
    decoder.free()
    return decoded
  })

describe("makeEncoder", () => {
  for (const format of formatNames) {
    it.effect(`${format}: the same samples give the same bytes however they are cut`, () =>
      Effect.gen(function* () {
        const samples = speechLike(20_000)
        for (const [inputSampleRate, speed] of [
          [24_000, 1],
          [22_050, 1],
          [22_050, 1.3],
        ] as const) {
          const options = { format, sampleRate: 24_000, inputSampleRate, speed }
          const whole = yield* encode(options, samples)
          expect(yield* encode(options, samples, 333)).toEqual(whole)
          expect(yield* encode(options, samples, 20_000)).toEqual(whole)
        }
      }),
    )
  }

  it.effect("mp3: bytes handed out stay as they were while the encoder goes on", () =>
    Effect.gen(function* () {
      const encoder = yield* make({ format: "mp3", sampleRate: 24_000 })
      const samples = speechLike(24_000)
      const first = encoder.encode(samples)
      const copy = first.slice()
      encoder.encode(samples.toReversed())
      encoder.flush()
      expect(first.length).toBeGreaterThan(1_000)
      expect(first).toEqual(copy)
    }),
  )

  it.effect("mp3: the first bytes leave within 100 ms of audio", () =>
    Effect.gen(function* () {
      const encoder = yield* make({ format: "mp3", sampleRate: 24_000 })
      expect(encoder.encode(speechLike(2_400)).length).toBeGreaterThan(0)
    }),
  )

  it.effect("mp3: many streams at a time do not disturb each other", () =>
    Effect.gen(function* () {
      const samples = speechLike(20_000)
      const alone = yield* encode({ format: "mp3", sampleRate: 24_000 }, samples)
      const first = yield* make({ format: "mp3", sampleRate: 24_000 })
      const second = yield* make({ format: "mp3", sampleRate: 24_000 })
      const chunks: Array<Uint8Array> = []
      for (let at = 0; at < samples.length; at += 1_000) {
        chunks.push(first.encode(samples.subarray(at, at + 1_000)))
        second.encode(speechLike(1_000, at))
      }
      expect(Buffer.concat([...chunks, first.flush()])).toEqual(alone)
    }),
  )

  it.effect("mp3: files glued together play through, as LibreChat does with long texts", () =>
    Effect.gen(function* () {
      const one = yield* encode({ format: "mp3", sampleRate: 24_000 }, speechLike(24_000))
      const two = yield* encode({ format: "mp3", sampleRate: 24_000 }, speechLike(12_000, 9))
      const [first, second, both] = yield* Effect.all([one, two, Buffer.concat([one, two])].map(decodeMp3))
      expect(both!.errors).toEqual([])
      expect(both!.sampleRate).toBe(24_000)
      expect(first!.samplesDecoded).toBeGreaterThanOrEqual(24_000)
      expect(both!.samplesDecoded).toBe(first!.samplesDecoded + second!.samplesDecoded)
    }),
  )

  it.effect("mp3: begins with a frame of audio, without a tag or an index", () =>
    Effect.gen(function* () {
      const bytes = yield* encode({ format: "mp3", sampleRate: 22_050 }, speechLike(22_050))
      expect(bytes.readUInt16BE(0)).toBe(0xfff3)
      expect(bytes.subarray(0, 200).toString("latin1")).not.toMatch(/Xing|Info|LAME3/)
    }),
  )

  it.effect("wav: the header comes with the first samples and says nothing of an end", () =>
    Effect.gen(function* () {
      const encoder = yield* make({ format: "wav", sampleRate: 24_000 })
      expect(encoder.encode(new Int16Array(0)).length).toBe(0)
      const first = encoder.encode(Int16Array.of(1, -2))
      expect(first).toEqual(Uint8Array.of(...wavHeader(24_000), 1, 0, 0xfe, 0xff))
      expect(encoder.encode(Int16Array.of(3))).toEqual(Uint8Array.of(3, 0))
      expect(encoder.flush().length).toBe(0)
    }),
  )

  it.effect(
    "wav: knows the header of the whole once its bytes are counted, and so does flac; no other format has one",
    () =>
      Effect.gen(function* () {
        const wav = yield* make({ format: "wav", sampleRate: 24_000, inputSampleRate: 22_050 })
        const bytes = Buffer.concat([wav.encode(speechLike(22_050)), wav.flush()])
        expect(wav.head?.(bytes.length)).toEqual(wavHeader(24_000, 48_000))
        for (const format of ["mp3", "opus", "aac", "pcm"] as const) {
          expect((yield* make({ format, sampleRate: 24_000 })).head).toBeUndefined()
        }
      }),
  )

  it.effect("mp3: the size tells the length to within two frames, at every rate", () =>
    Effect.gen(function* () {
      for (const sampleRate of [8_000, 16_000, 22_050, 24_000, 44_100, 48_000]) {
        const seconds = 7.3
        const bytes = yield* encode({ format: "mp3", sampleRate }, speechLike(Math.round(seconds * sampleRate)))
        const bitsPerSecond = sampleRate > 24_000 ? 96_000 : 64_000
        const frame = (sampleRate > 24_000 ? 1_152 : 576) / sampleRate
        const shown = (bytes.length * 8) / bitsPerSecond
        expect(shown, `${sampleRate} Hz`).toBeGreaterThanOrEqual(seconds)
        // The encoder's own delay and what fills the last frame.
        expect(shown, `${sampleRate} Hz`).toBeLessThan(seconds + 0.001 + 3 * frame)
      }
    }),
  )

  it.effect(
    "flac: the header of the whole has the number of samples and their digest, in the bytes that left before",
    () =>
      Effect.gen(function* () {
        const flac = yield* make({ format: "flac", sampleRate: 24_000 })
        const samples = speechLike(30_000)
        const bytes = Buffer.concat([flac.encode(samples), flac.flush()])
        const head = Buffer.from(flac.head!(bytes.length))
        expect(head.subarray(0, 12)).toEqual(bytes.subarray(0, 12))
        expect([bytes.readUInt32BE(22), head.readUInt32BE(22)]).toEqual([0, 30_000])
        expect(head.subarray(26, 42)).toEqual(createHash("md5").update(samples).digest())
        expect(head.subarray(42)).toEqual(bytes.subarray(42, head.length))
      }),
  )

  it.effect("opus, aac, flac: streams that are made and closed one after the other stay alike", () =>
    Effect.gen(function* () {
      const samples = speechLike(10_000)
      for (const format of ["opus", "aac", "flac"] as const) {
        const options = { format, sampleRate: 16_000 }
        const first = yield* encode(options, samples)
        const left = yield* make(options)
        left.encode(samples)
        left.close?.()
        expect(yield* encode(options, samples), format).toEqual(first)
      }
    }),
  )

  it.effect("every format has bytes within its first quarter of a second", () =>
    Effect.gen(function* () {
      for (const format of formatNames) {
        const encoder = yield* make({ format, sampleRate: 24_000, inputSampleRate: 22_050 })
        expect(encoder.encode(speechLike(5_513)).length, format).toBeGreaterThan(0)
        encoder.close?.()
      }
    }),
  )

  it.effect("wav: without samples there is still a header", () =>
    Effect.gen(function* () {
      expect(yield* encode({ format: "wav", sampleRate: 24_000 }, new Int16Array(0))).toEqual(
        Buffer.from(wavHeader(24_000)),
      )
    }),
  )

  it.effect("pcm: bytes are a copy of the samples", () =>
    Effect.gen(function* () {
      const encoder = yield* make({ format: "pcm", sampleRate: 24_000 })
      const samples = Int16Array.of(258)
      const bytes = encoder.encode(samples)
      samples[0] = 0
      expect(bytes).toEqual(Uint8Array.of(2, 1))
    }),
  )

  for (const format of formatNames) {
    it.effect(`${format}: a stream has nothing of one before it, which was left in its midst or had another rate`, () =>
      Effect.gen(function* () {
        const options = { format, sampleRate: 24_000 }
        const fresh = yield* encode(options, speechLike(20_000))
        const left = yield* make({ format, sampleRate: 48_000 })
        left.encode(speechLike(9_000, 8))
        left.close?.()
        expect(yield* encode(options, speechLike(20_000))).toEqual(fresh)
      }),
    )
  }

  it("mp3: many streams one after the other take no more memory than one", async () => {
    // GiB of addresses, of which V8 reserves 8 for each memory of WebAssembly.
    const reserved = () => Number(/^VmSize:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 2 ** 20
    const one = async () => {
      const encoder = await makeEncoder({ format: "mp3", sampleRate: 24_000 })
      encoder.encode(new Int16Array(2_400))
      encoder.close?.()
    }
    await one()
    const before = reserved()
    for (let n = 0; n < 5; n++) await one()
    expect(reserved() - before).toBeLessThan(4)
  })

  it.effect("resamples what an engine makes at another rate", () =>
    Effect.gen(function* () {
      const bytes = yield* encode({ format: "pcm", sampleRate: 24_000, inputSampleRate: 22_050 }, speechLike(22_050))
      expect(bytes.length).toBe(48_000)
    }),
  )
})

describe("encodedSampleRate", () => {
  it("keeps an engine's rate in mp3 only where mp3 has it, and 24 kHz elsewhere unless asked", () => {
    expect(encodedSampleRate("mp3", 22_050)).toBe(22_050)
    expect(encodedSampleRate("mp3", 19_000)).toBe(24_000)
    expect(encodedSampleRate("mp3", 22_050, 16_000)).toBe(16_000)
    expect(encodedSampleRate("pcm", 22_050)).toBe(24_000)
    expect(encodedSampleRate("wav", 22_050, 44_100)).toBe(44_100)
  })
})

it("a format is one file: its name, type and rates are where the contract, errors and the key of an entry take them from", () => {
  expect(formatNames).toEqual(["mp3", "opus", "aac", "flac", "wav", "pcm"])
  expect(formatNames.map(contentTypeOf)).toEqual([
    "audio/mpeg",
    "audio/ogg",
    "audio/aac",
    "audio/flac",
    "audio/wav",
    "audio/pcm",
  ])
  for (const name of formatNames) expect(formatsAccepted).toContain(`"${name}"`)
  // What decides the rate is the engine, which the key does not know.
  expect(formatNames.map((name) => plannedSampleRate(name))).toEqual([0, 24_000, 0, 0, 24_000, 24_000])
  expect(formatNames.map((name) => plannedSampleRate(name, 16_000))).toEqual(formatNames.map(() => 16_000))
})
