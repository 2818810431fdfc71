import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { wavHeader } from "../../src/audio/Wav.ts"
import { makePcmReader } from "../../src/upstream/PcmReader.ts"

const samples = Int16Array.from({ length: 500 }, (_, i) => ((i * 7_919) % 65_536) - 32_768)
const raw = new Uint8Array(samples.buffer)

const read = (bytes: Uint8Array, cut: number, needWav = false) => {
  const reader = makePcmReader(22_050, needWav)
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

  it("refuses a WAV that is not 16-bit mono, and no WAV where one was promised", () => {
    const stereo = Buffer.concat([wavHeader(16_000, raw.length), raw])
    stereo.writeUInt16LE(2, 22)
    expect(read(stereo, 100).failure).toBe("EngineMalformed")
    expect(read(raw, 100, true).failure).toBe("EngineMalformed")
  })

  it("does not wait for ever for a WAV's samples", () => {
    const wav = Buffer.concat([Buffer.from(wavHeader(16_000)).subarray(0, 36), list("junk", 200_000)])
    expect(read(wav, 10_000).failure).toBe("EngineMalformed")
  })

  it("takes an answer without a byte for silence, which is for others to judge", () => {
    expect(read(new Uint8Array(0), 1)).toEqual({ heard: [], rates: [], failure: undefined })
  })
})
