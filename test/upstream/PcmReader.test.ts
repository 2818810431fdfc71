import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { makePcmReader } from "../../src/upstream/PcmReader.ts"

const samples = Int16Array.from({ length: 500 }, (_, i) => ((i * 7_919) % 65_536) - 32_768)
const raw = new Uint8Array(samples.buffer)

const read = (bytes: Uint8Array, cut: number, needWav = false, needLength = false) => {
  const reader = makePcmReader({ rawSampleRate: 22_050, needWav, needLength })
  const heard: Array<number> = []
  const rates = new Set<number>()
  for (let at = 0; at < bytes.length; at += cut) {
    // At an odd place of a larger buffer, as a socket's pool gives it.
    const pool = new Uint8Array(cut + 1)
    const piece = bytes.subarray(at, at + cut)
    pool.set(piece, 1)
    const pushed = reader.push(pool.subarray(1, 1 + piece.length))
    pool.fill(0)
    if (Result.isFailure(pushed)) return { failure: pushed.failure._tag }
    if (pushed.success === undefined) continue
    heard.push(...pushed.success.samples)
    rates.add(pushed.success.sampleRate)
  }
  return { heard, rates: [...rates], failure: reader.end()?._tag }
}

const list = (id: string, bytes: number) => {
  const chunk = Buffer.alloc(8 + bytes, 1)
  chunk.write(id, 0, "latin1")
  chunk.writeUInt32LE(bytes, 4)
  return chunk
}

describe("makePcmReader", () => {
  const cuts = [1, 2, 3, 7, 44, 45, 68, 69, 333, 5_000]

  it.each(cuts)("gives the same headerless samples in pieces of %i bytes", (cut) => {
    expect(read(raw, cut)).toEqual({ heard: [...samples], rates: [22_050], failure: undefined })
  })

  it.each(cuts)("gives a WAV's samples and rate in pieces of %i bytes", (cut) => {
    const wav = Buffer.concat([wavHeader(44_100, raw.length), raw])
    expect(read(wav, cut)).toEqual({ heard: [...samples], rates: [44_100], failure: undefined })
  })

  it("reads a WAV of unknown length, with chunks before and none after its samples", () => {
    const header = Buffer.from(wavHeader(16_000))
    const wav = Buffer.concat([header.subarray(0, 36), list("LIST", 300), header.subarray(36), raw])
    expect(read(wav, 50)).toEqual({ heard: [...samples], rates: [16_000], failure: undefined })
  })

  it("leaves out what follows a WAV's samples", () => {
    const wav = Buffer.concat([wavHeader(16_000, raw.length), raw, list("LIST", 301)])
    expect(read(wav, 64).heard).toEqual([...samples])
  })

  it("tells half a sample and half a WAV", () => {
    expect(read(raw.subarray(0, 99), 10).failure).toBe("EngineMalformed")
    expect(read(Buffer.concat([wavHeader(16_000, raw.length), raw.subarray(0, 400)]), 64).failure).toBe("EngineCut")
    expect(read(wavHeader(16_000, raw.length), 64).failure).toBe("EngineCut")
  })

  it.each([1, 3, 7, 100, 5_000])("hears stereo as the mean of its sides, in pieces of %i bytes", (cut) => {
    const sides = Int16Array.from(samples, (sample, i) => Math.trunc(sample / 4) + (i % 2 === 0 ? 40 : -40))
    const stereo = Buffer.concat([wavHeader(16_000, raw.length), new Uint8Array(sides.buffer)])
    stereo.writeUInt16LE(2, 22)
    const mean = Array.from({ length: 250 }, (_, i) => Math.round((sides[2 * i]! + sides[2 * i + 1]!) / 2))
    const { failure, heard, rates } = read(stereo, cut)
    expect({ rates, failure }).toEqual({ rates: [16_000], failure: undefined })
    expect(heard!.map((sample, i) => Math.abs(sample - mean[i]!)).filter((off) => off > 1)).toEqual([])
  })

  it.each([1, 3, 7, 100, 5_000])("hears samples in floating point, in pieces of %i bytes", (cut) => {
    const floats = Float32Array.from(samples, (sample) => sample / 32_768)
    const wav = Buffer.concat([wavHeader(24_000, floats.byteLength), new Uint8Array(floats.buffer)])
    wav.writeUInt16LE(3, 20)
    wav.writeUInt16LE(32, 34)
    expect(read(wav, cut)).toEqual({ heard: [...samples], rates: [24_000], failure: undefined })
    expect(read(wav.subarray(0, 303), cut).failure).toBe("EngineCut")
  })

  it("refuses a WAV that is compressed, and no WAV where one was promised", () => {
    const adpcm = Buffer.concat([wavHeader(16_000, raw.length), raw])
    adpcm.writeUInt16LE(2, 20)
    expect(read(adpcm, 100).failure).toBe("EngineMalformed")
    expect(read(raw, 100, true).failure).toBe("EngineMalformed")
  })

  it.each([
    ["headerless samples", raw, "EngineMalformed"],
    ["a WAV that does not say how long it is", Buffer.concat([wavHeader(16_000), raw]), "EngineMalformed"],
    ["a WAV that says how long it is", Buffer.concat([wavHeader(16_000, raw.length), raw]), undefined],
  ] as const)("of an answer that ends with its connection, judges by its length: %s", (_, bytes, failure) => {
    expect(read(bytes, 100, false, true).failure).toBe(failure)
  })

  it("does not wait for ever for a WAV's samples", () => {
    const wav = Buffer.concat([Buffer.from(wavHeader(16_000)).subarray(0, 36), list("junk", 200_000)])
    expect(read(wav, 10_000).failure).toBe("EngineMalformed")
  })

  it("takes an answer without a byte for silence, which is for others to judge", () => {
    expect(read(new Uint8Array(0), 1)).toEqual({ heard: [], rates: [], failure: undefined })
  })

  it("tells in which memory samples came, also those that had to be copied", () => {
    const reader = makePcmReader({ rawSampleRate: 22_050, needWav: false })
    const memory = new ArrayBuffer(1_000)
    // At an even place, at an odd one, one with half a sample, and the one behind it.
    for (const [at, length] of [
      [0, 100],
      [103, 100],
      [210, 101],
      [320, 101],
      [430, 100],
    ] as const)
      expect(Result.getOrThrow(reader.push(new Uint8Array(memory, at, length)))!.memory).toBe(memory)
  })
})
