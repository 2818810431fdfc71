import { describe, expect, it } from "vitest"
import { oggPackets } from "../../../src/audio/decode/OggPackets.ts"

const readOf = (bytes: Uint8Array) => (offset: number, length: number) => bytes.subarray(offset, offset + length)
const packetsOf = (...parts: ReadonlyArray<Uint8Array>) =>
  Array.from(oggPackets(readOf(Buffer.concat(parts))), ({ bytes }) => Buffer.from(bytes).toString())

const page = (flags: number, lengths: ReadonlyArray<number>, body: string, serial = 1) => {
  const head = Buffer.alloc(27)
  head.write("OggS")
  head[5] = flags
  head.writeUInt32LE(serial, 14)
  head[26] = lengths.length
  return Buffer.concat([head, Buffer.from(lengths), Buffer.from(body)])
}
const first = page(2, [8], "OpusHead")
const tags = page(0, [8], "OpusTags")

describe("oggPackets", () => {
  it("yields the head and the audio, without the tags", () => {
    expect(packetsOf(first, tags, page(0, [2, 3], "aabbb"))).toEqual(["OpusHead", "aa", "bbb"])
  })

  it("cuts the last page to where it says that its audio ends", () => {
    // Packets of 20 ms: 960 samples. The first page of what is recorded in mid-air begins at any position.
    const audio = (flags: number, granule: bigint, count: number) => {
      const bytes = page(flags, Array<number>(count).fill(1), "\u0048".repeat(count))
      bytes.writeBigInt64LE(granule, 6)
      return bytes
    }
    const discards = (...parts: ReadonlyArray<Uint8Array>) =>
      Array.from(oggPackets(readOf(Buffer.concat([first, tags, ...parts]))), ({ discard }) => discard).slice(1)
    expect(discards(audio(0, 1_920n, 2), audio(4, 2_232n, 1))).toEqual([0, 0, 648])
    expect(discards(audio(0, 1_920n, 2), audio(4, 2_232n, 3))).toEqual([0, 0, 648, 960, 960])
    expect(discards(audio(0, 1_920n, 2), audio(0, 2_232n, 1))).toEqual([0, 0, 0])
    expect(discards(audio(0, 961_920n, 2), audio(4, 962_880n, 1))).toEqual([0, 0, 0])
    expect(discards(audio(4, 700n, 1))).toEqual([260])
    for (const lie of [-1n, 5n, 2n ** 62n]) expect(discards(audio(0, 1_920n, 2), audio(4, lie, 1))).toEqual([0, 0, 0])
  })

  it("joins a packet that spans pages", () => {
    const long = "x".repeat(510)
    expect(packetsOf(first, page(0, [255, 255], long), page(1, [1, 2], "yzz"))).toEqual(["OpusHead", `${long}y`, "zz"])
  })

  it("leaves out a packet whose beginning or end is lost", () => {
    const lost = packetsOf(first, page(1, [1, 2], "yzz"), page(0, [255], "x".repeat(255)), page(0, [1], "a"))
    expect(lost).toEqual(["OpusHead", "zz", "a"])
  })

  it("finds the next page behind bytes that are none, however many", () => {
    for (const junk of [1, 4_093, 4_096, 9_000]) {
      expect(packetsOf(first, Buffer.alloc(junk, "O"), page(0, [1], "a"))).toEqual(["OpusHead", "a"])
    }
  })

  it("leaves out other streams in the same file", () => {
    expect(packetsOf(page(2, [3], "vid", 9), first, page(0, [1], "v", 9), page(0, [1], "a"))).toEqual(["OpusHead", "a"])
  })

  it("ends where the file is cut off", () => {
    const whole = Buffer.concat([first, page(0, [2], "aa"), page(0, [2], "bb")])
    expect(packetsOf(whole.subarray(0, -1))).toEqual(["OpusHead", "aa"])
  })
})
