import { describe, expect, it } from "vitest"
import { keptFilterBytes, makeResampler } from "../../src/audio/Resampler.ts"
import { seededRandom } from "../support/seededRandom.ts"

const sine = (hertz: number, rate: number, length: number, level = 20_000) =>
  Int16Array.from({ length }, (_, at) => Math.round(level * Math.sin((2 * Math.PI * hertz * at) / rate)))

const resample = (from: number, to: number, input: Int16Array, cut: (left: number) => number = (left) => left) => {
  const resampler = makeResampler(from, to)
  const output: Array<number> = []
  for (let at = 0; at < input.length;) {
    const size = cut(input.length - at)
    output.push(...resampler.process(input.subarray(at, at + size)))
    at += size
  }
  output.push(...resampler.flush())
  return output
}

const rms = (samples: ReadonlyArray<number>) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length)

const pairs: ReadonlyArray<readonly [number, number]> = [
  [22_050, 24_000],
  [16_000, 24_000],
  [44_100, 16_000],
  [48_000, 16_000],
  [8_000, 16_000],
  [24_000, 22_050],
  [44_099, 16_000],
  [192_000, 16_000],
]

describe("makeResampler", () => {
  it.each(pairs)("%i → %i Hz gives the same samples however the input is cut", (from, to) => {
    const random = seededRandom(from + to)
    const input = Int16Array.from({ length: 5_000 }, () => random(65_536) - 32_768)
    const whole = resample(from, to, input)
    expect(resample(from, to, input.subarray(0, 300), () => 1)).toEqual(resample(from, to, input.subarray(0, 300)))
    for (let round = 0; round < 5; round++) {
      expect(resample(from, to, input, (left) => random(Math.min(left, 700) + 1))).toEqual(whole)
    }
  })

  it.each(pairs)("%i → %i Hz keeps the length", (from, to) => {
    for (const length of [0, 1, 2, 147, 1_000, 4_999]) {
      expect(resample(from, to, new Int16Array(length)).length).toBe(Math.round((length * to) / from))
    }
  })

  it.each(pairs)("%i → %i Hz keeps a 1 kHz tone, in place and in level", (from, to) => {
    const output = resample(from, to, sine(1_000, from, from / 5))
    const wanted = sine(1_000, to, output.length)
    const edge = Math.round(to / 50)
    const error = output.map((sample, at) => sample - wanted[at]!).slice(edge, -edge)
    // -60 dB of a tone at -7 dB full scale; only the rates whose phases are rounded come near.
    expect(rms(error)).toBeLessThan(14)
  })

  it("removes what the lower rate cannot carry instead of folding it back", () => {
    const output = resample(48_000, 16_000, sine(9_000, 48_000, 24_000))
    expect(rms(output.slice(400, -400))).toBeLessThan(5)
  })

  it("keeps what both rates carry", () => {
    const output = resample(22_050, 24_000, sine(9_500, 22_050, 22_050))
    expect(rms(output.slice(400, -400))).toBeGreaterThan(13_900)
  })

  it("clips instead of wrapping around", () => {
    const output = resample(
      16_000,
      24_000,
      Int16Array.from({ length: 2_000 }, (_, at) => (at % 40 < 20 ? 32_767 : -32_768)),
    )
    expect(Math.max(...output)).toBe(32_767)
    expect(Math.min(...output)).toBe(-32_768)
    expect(output.slice(103, 110).every((sample) => sample !== 0)).toBe(true)
  })

  it("passes equal rates through as a copy", () => {
    const input = Int16Array.of(1, 2, 3)
    const resampler = makeResampler(16_000, 16_000)
    const output = resampler.process(input)
    input[0] = 9
    expect(Array.from(output)).toEqual([1, 2, 3])
  })
})

it("keeps no more than 8 MiB of filters, whatever the rates of what it has read", () => {
  for (const rate of [22_050, 44_100, 11_025, 44_099, 47_999, 30_001, 192_000, 96_000, 8_000])
    makeResampler(rate, 16_000)
  for (let rate = 383_999; rate > 383_900; rate -= 10) makeResampler(rate, 16_000)
  expect(keptFilterBytes()).toBeGreaterThan(0)
  expect(keptFilterBytes()).toBeLessThanOrEqual(8 * 1_048_576)
})
