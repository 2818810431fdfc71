import { expect, it } from "vitest"
import { makeMixer, meanOf, mixDown } from "../../../src/audio/decode/MixDown.ts"
import { NeedsFfmpeg } from "../../../src/audio/decode/NeedsFfmpeg.ts"
import { wavSource } from "../../../src/audio/decode/WavSource.ts"
import { wavHeader } from "../../../src/audio/WavHeader.ts"
import { toInt16 } from "../../../src/audio/WavSamples.ts"
import { seededRandom } from "../../support/seededRandom.ts"

const rate = 8_000
const random = seededRandom(7)
/** Noise in bursts of a third of a second, as loud as speech, or less. */
const voice = (seconds: number, loud = 0.3) =>
  Float32Array.from(
    { length: seconds * rate },
    (_, at) => (Math.floor((at * 3) / rate) % 2 === 0 ? loud : loud / 1_000) * (random(20_001) / 10_000 - 1),
  )
const times = (factor: number, samples: Float32Array) => samples.map((value) => value * factor)
const sum = (one: Float32Array, other: Float32Array) => one.map((value, at) => value + other[at]!)
const after = (...parts: ReadonlyArray<Float32Array>) => Float32Array.from(parts.flatMap((part) => [...part]))
const int16 = (samples: Float32Array) => Int16Array.from(samples, (value) => toInt16(value * 32_768))

/** Where two differ: a difference of 60,000 numbers takes minutes to print. */
const firstDifference = (one: Int16Array, other: Int16Array) => {
  if (one.length !== other.length) return `${one.length} and ${other.length} samples`
  const at = one.findIndex((value, index) => value !== other[index])
  return at < 0 ? undefined : `${one[at]} and ${other[at]} at ${at}`
}

/** Mixed in pieces of so many samples. */
const mix = (channels: ReadonlyArray<Float32Array>, pieceLength = 1_000) => {
  const mixer = makeMixer(channels.length, rate)
  const parts: Array<Int16Array> = []
  for (let from = 0; from < channels[0]!.length; from += pieceLength) {
    parts.push(mixer.mix(channels.map((channel) => channel.subarray(from, from + pieceLength))).slice())
  }
  parts.push(mixer.flush())
  return Int16Array.from(parts.flatMap((part) => [...part]))
}

const left = voice(7)
const right = voice(7)
const none = new Float32Array(left.length)

it.each<readonly [string, ReadonlyArray<Float32Array>]>([
  ["the same in both", [left, left]],
  ["one voice in each", [left, right]],
  ["a voice in one of them", [left, none]],
  ["a voice in one of eight", [none, none, none, left, none, none, none, none]],
  ["a voice nearer to the right", [times(0.2, left), left]],
  ["wide stereo: much of one channel is upside down in the other", [sum(left, right), sum(left, times(-0.6, right))]],
  ["a turn from one side to the other", [after(left, none), after(none, right)]],
  ["hum upside down under a voice", [sum(left, voice(7, 0.02)), sum(left, times(-1, voice(7, 0.02)))]],
  ["what is no number", [left.map((value, at) => (at % 999 === 0 ? NaN : value)), left]],
  ["silence", [none, none]],
])("ordinary channels become their mean, sample for sample: %s", (_, channels) => {
  expect(firstDifference(mix(channels), meanOf(channels))).toBeUndefined()
})

it.each([0.9, 0.8, 1.25])(
  "channels that cancel out become the louder one, from the first sample to the last: × -%s",
  (by) => {
    const noise = voice(7, 0.001)
    const channels = [left, sum(times(-by, left), noise)]
    expect(firstDifference(mix(channels), int16(channels[by > 1 ? 1 : 0]!))).toBeUndefined()
  },
)

it("a pair of eight channels that cancels out is heard", () => {
  expect(firstDifference(mix([none, none, left, none, none, times(-1, left), none, none]), int16(left))).toBeUndefined()
})

it("goes back to the mean where they no longer cancel out, at the end of a block and once", () => {
  const channels = [after(left, left), after(times(-1, left), right)]
  const got = mix(channels)
  const [louder, mean] = [int16(channels[0]!), meanOf(channels)]
  const turn = got.findIndex((value, at) => value !== louder[at])
  expect(Math.abs(turn - left.length)).toBeLessThanOrEqual(rate)
  expect(firstDifference(got.subarray(turn), mean.subarray(turn))).toBeUndefined()
})

it("loses nothing where they begin to cancel out", () => {
  const channels = [after(left, left), after(left, times(-1, left))]
  expect(firstDifference(mix(channels), int16(channels[0]!))).toBeUndefined()
})

it("gives the same however the input is cut, also when it is shorter than a block", () => {
  const channels = [after(left, left), after(right, times(-1, left))]
  for (const length of [1, 3_999, 4_000, 4_001, 200_000])
    expect(firstDifference(mix(channels, length), mix(channels))).toBeUndefined()
  const short = left.subarray(0, 1_000)
  expect(firstDifference(mix([short, times(-1, short)]), int16(short))).toBeUndefined()
})

it("holds back a second at most, and nothing of a single channel", () => {
  expect(makeMixer(1, rate).mix([left])).toEqual(int16(left))
  expect(makeMixer(2, rate).mix([left, right]).length).toBeGreaterThanOrEqual(left.length - rate)
})

it("begins anew, with nothing lost, where rate or number of channels change", async () => {
  const piece = (sampleRate: number, ...channels: ReadonlyArray<Float32Array>) => ({ sampleRate, channels, damaged: 1 })
  async function* source() {
    yield piece(8_000, left, times(-1, left))
    yield piece(8_000)
    yield piece(16_000, right, right)
    yield piece(16_000, left)
  }
  const got = { 8_000: [] as Array<number>, 16_000: [] as Array<number>, damaged: 0 }
  for await (const { damaged, sampleRate, samples } of mixDown(source())) {
    got[sampleRate as 8_000].push(...samples)
    got.damaged += damaged
  }
  expect(got).toEqual({ 8_000: [...int16(left)], 16_000: [...int16(right), ...int16(left)], damaged: 4 })
})

// The garbage collector lets a thread keep 64 MB of arrays that nobody uses, and there are several threads.
it.each([1, 2])("goes through a file of any length with the same few arrays: %d channels", async (channels) => {
  const seconds = 60
  const bytes = Buffer.concat([
    wavHeader(rate, 2 * channels * rate * seconds),
    Buffer.alloc(2 * channels * rate * seconds),
  ])
  bytes.writeUInt16LE(channels, 22)
  const read = (offset: number, length: number, into?: Uint8Array) => {
    const found = bytes.subarray(offset, offset + length)
    into?.set(found)
    return into?.subarray(0, found.length) ?? found
  }
  const arrays = new Set<ArrayBufferLike>()
  const noted = async function* () {
    for await (const piece of wavSource(read, 3_600, new NeedsFfmpeg({ demuxer: "wav", skipBytes: 0 }))) {
      for (const { buffer } of piece.channels) arrays.add(buffer)
      yield piece
    }
  }
  let samples = 0
  for await (const piece of mixDown(noted())) {
    samples += piece.samples.length
    arrays.add(piece.samples.buffer)
  }
  expect(samples).toBe(seconds * rate)
  // One for each channel as it is read, one for what is mixed, a longer one for the last of it.
  expect(arrays.size).toBeLessThanOrEqual(channels + 3)
})
