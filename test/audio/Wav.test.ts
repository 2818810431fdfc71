import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { parseWav } from "../../src/audio/Wav.ts"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { meanOf } from "../../src/audio/decode/MixDown.ts"
import { channelSamples } from "../../src/audio/WavSamples.ts"
import { seededRandom } from "../support/seededRandom.ts"

const parse = (bytes: Uint8Array) => parseWav((offset, length) => bytes.subarray(offset, offset + length))
const u16 = (value: number) => [value & 0xff, (value >> 8) & 0xff]
const u32 = (value: number) => [...u16(value & 0xffff), ...u16(value >>> 16)]
const tag = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0))
const chunk = (id: string, body: ReadonlyArray<number>, size = body.length) => [
  ...tag(id),
  ...u32(size),
  ...body,
  ...(body.length & 1 ? [0] : []),
]
const fmt = (code: number, channels: number, bits: number, extra: ReadonlyArray<number> = []) =>
  chunk("fmt ", [...u16(code), ...u16(channels), ...u32(8_000), ...u32(0), ...u16(0), ...u16(bits), ...extra])
const riff = (...chunks: ReadonlyArray<ReadonlyArray<number>>) =>
  Uint8Array.from([...tag("RIFF"), ...u32(0xffffffff), ...tag("WAVE"), ...chunks.flat()])
const samplesOf = (bytes: Uint8Array) => {
  const layout = Result.getOrThrow(parse(bytes))
  return Array.from(meanOf(channelSamples(layout, bytes.subarray(layout.dataOffset))))
}

describe("wavHeader", () => {
  it("is 44 bytes that declare the length", () => {
    const header = wavHeader(24_000, 4)
    const view = new DataView(header.buffer)
    expect(header.length).toBe(44)
    expect(view.getUint32(4, true)).toBe(40)
    expect(view.getUint32(24, true)).toBe(24_000)
    expect(view.getUint32(40, true)).toBe(4)
    expect(Result.getOrThrow(parse(header))).toEqual({
      encoding: "integer",
      bits: 16,
      channels: 1,
      sampleRate: 24_000,
      frameBytes: 2,
      dataOffset: 44,
      dataBytes: 4,
    })
  })

  it("says how many channels there are and how wide a sample is", () => {
    const header = wavHeader(8_000, 6, { bytes: 3, channels: 2 })
    expect(new DataView(header.buffer).getUint32(28, true)).toBe(48_000)
    expect(Result.getOrThrow(parse(header))).toMatchObject({ bits: 24, channels: 2, frameBytes: 6, dataBytes: 6 })
  })

  it("declares neither size as 0 for a stream, since CPython's wave refuses that", () => {
    const view = new DataView(wavHeader(24_000).buffer)
    expect(view.getUint32(4, true)).toBe(0xffffffff)
    expect(view.getUint32(40, true)).toBe(0xffffffff)
  })
})

describe("parseWav", () => {
  it("walks over chunks before the samples, odd ones too", () => {
    const bytes = riff(chunk("LIST", [1, 2, 3]), fmt(1, 1, 16), chunk("fact", [0, 0, 0, 0]), chunk("data", u16(7)))
    expect(samplesOf(bytes)).toEqual([7])
  })

  it.each([0, 0xffffffff])("takes a data size of %i as until the end", (size) => {
    expect(Result.getOrThrow(parse(riff(fmt(1, 1, 16), chunk("data", u16(7), size)))).dataBytes).toBeUndefined()
  })

  it.each([
    ["8-bit", 1, 8, [128, 255, 0, 128], [0, 32_512, -32_768, 0]],
    ["16-bit", 1, 16, [...u16(1), ...u16(0xffff)], [1, -1]],
    ["24-bit", 1, 24, [0, 1, 0, 0, 0, 0x80], [1, -32_768]],
    ["32-bit", 1, 32, [0, 0, 1, 0, 0, 0, 0, 0x80], [1, -32_768]],
    [
      "float32",
      3,
      32,
      Array.from(new Uint8Array(Float32Array.of(0.5, -2, NaN, Infinity).buffer)),
      [16_384, -32_768, 0, 32_767],
    ],
    ["float64", 3, 64, Array.from(new Uint8Array(Float64Array.of(-0.25).buffer)), [-8_192]],
    ["µ-law", 7, 8, [0xff, 0x80, 0x00, 0x7f], [0, 32_124, -32_124, 0]],
    ["A-law", 6, 8, [0xd5, 0x55, 0xaa, 0x2a], [8, -8, 32_256, -32_256]],
  ])("reads %s samples", (_, code, bits, data, expected) => {
    expect(samplesOf(riff(fmt(code, 1, bits), chunk("data", data))).map((sample) => sample + 0)).toEqual(expected)
  })

  it("reads the sub-format of WAVE_FORMAT_EXTENSIBLE", () => {
    const extra = [...u16(22), ...u16(32), ...u32(0), ...u16(3), ...Array(14).fill(0)]
    expect(Result.getOrThrow(parse(riff(fmt(0xfffe, 1, 32, extra), chunk("data", [0, 0, 0, 0])))).encoding).toBe(
      "float",
    )
  })

  it("mixes channels to their mean and leaves out a frame that is cut off", () => {
    expect(samplesOf(riff(fmt(1, 2, 16), chunk("data", [...u16(10), ...u16(20), ...u16(30)])))).toEqual([15])
  })

  it.each([
    ["nothing", new Uint8Array(0), "Truncated"],
    ["another file", Uint8Array.from(tag("OggS00000000000000")), "NotWav"],
    ["no samples", riff(fmt(1, 1, 16)), "Truncated"],
    ["a format after the samples", riff(chunk("data", [0, 0]), fmt(1, 1, 16)), "Unsupported"],
    ["ADPCM", riff(fmt(2, 1, 4), chunk("data", [0, 0])), "Compressed"],
    ["a codec that nobody knows", riff(fmt(99, 1, 4), chunk("data", [0, 0])), "Unsupported"],
    ["no channel", riff(fmt(1, 0, 16), chunk("data", [0, 0])), "Unsupported"],
    ["a format that is cut off", riff(chunk("fmt ", [1, 0])), "Truncated"],
    ["thousands of empty chunks", riff(...Array.from({ length: 5_000 }, () => chunk("junk", []))), "Unsupported"],
  ])("refuses %s", (_, bytes, reason) => {
    const parsed = parse(bytes)
    expect(Result.isFailure(parsed) && parsed.failure.reason).toBe(reason)
  })

  it("never throws on 2,000 mutations of a good file", () => {
    const random = seededRandom(1)
    const good = riff(fmt(1, 2, 24), chunk("LIST", [1, 2, 3]), chunk("data", Array(60).fill(9)))
    for (let round = 0; round < 2_000; round++) {
      const bytes = good.slice(0, random(4) === 0 ? random(good.length) : good.length)
      for (let hit = 0; hit <= random(6); hit++) bytes[random(bytes.length)] = random(256)
      const parsed = parse(bytes)
      if (Result.isSuccess(parsed)) channelSamples(parsed.success, bytes.subarray(parsed.success.dataOffset))
    }
  })
})
