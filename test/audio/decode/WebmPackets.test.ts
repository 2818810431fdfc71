import { describe, expect, it } from "vitest"
import { NeedsFfmpeg } from "../../../src/audio/decode/NeedsFfmpeg.ts"
import { webmPackets } from "../../../src/audio/decode/WebmPackets.ts"

const element = (id: string, body: Uint8Array | string, size?: string) => {
  const content = Buffer.from(body)
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(content.length) | (1n << 56n))
  return Buffer.concat([Buffer.from(id, "hex"), size === undefined ? length : Buffer.from(size, "hex"), content])
}
const unknown = "01ffffffffffffff"
const track = (number: number, type: number, codec: string) =>
  element(
    "ae",
    Buffer.concat([
      element("d7", Uint8Array.of(number)),
      element("83", Uint8Array.of(type)),
      element("86", codec),
      element("63a2", "OpusHead"),
    ]),
  )
const block = (frame: string, number = 1, flags = 0x80) =>
  element("a3", Buffer.concat([Uint8Array.of(0x80 | number, 0, 0, flags), Buffer.from(frame)]))
const tracks = (...entries: ReadonlyArray<Buffer>) => element("1654ae6b", Buffer.concat(entries))
const cluster = (blocks: ReadonlyArray<Buffer>, size?: string) => element("1f43b675", Buffer.concat(blocks), size)
const opus = tracks(track(1, 2, "A_OPUS"))

const needsFfmpeg = new NeedsFfmpeg({ demuxer: "matroska", skipBytes: 0 })

const packetsOf = (...parts: ReadonlyArray<Buffer>) => {
  const bytes = Buffer.concat([element("1a45dfa3", "webm"), Buffer.from(`18538067${unknown}`, "hex"), ...parts])
  return Array.from(
    webmPackets((offset, length) => bytes.subarray(offset, offset + length), needsFfmpeg),
    ({ bytes, discard }) => Buffer.from(bytes).toString() + (discard > 0 ? ` -${discard}` : ""),
  )
}

describe("webmPackets", () => {
  it("yields the head and the frames, from clusters of known and of unknown size", () => {
    expect(packetsOf(opus, cluster([block("a"), block("b")]), cluster([block("c")], unknown))).toEqual([
      "OpusHead",
      "a",
      "b",
      "c",
    ])
  })

  it("reads block groups and skips what it does not know", () => {
    const group = element("a0", element("a1", Buffer.concat([Uint8Array.of(0x81, 0, 0, 0), Buffer.from("a")])))
    expect(packetsOf(opus, element("ec", "void"), cluster([element("e7", "0"), group]))).toEqual(["OpusHead", "a"])
  })

  it("cuts off what is padding at the end of a block, and only there", () => {
    const padded = (frame: string, nanoseconds: string) =>
      element(
        "a0",
        Buffer.concat([
          element("a1", Buffer.from(`81000000${frame}`, "hex")),
          element("75a2", Buffer.from(nanoseconds, "hex")),
        ]),
      )
    // 6.5 ms; then -1 ns, which no encoder means.
    const packets = packetsOf(
      opus,
      cluster([block("a"), padded("62", "632ea0"), block("c"), padded("64", "ff"), block("e")]),
    )
    expect(packets).toEqual(["OpusHead", "a", "b -312", "c", "d", "e"])
  })

  it("takes the first audio track and leaves out the others", () => {
    const both = tracks(track(1, 1, "V_VP8"), track(2, 2, "A_OPUS"))
    expect(packetsOf(both, cluster([block("video", 1), block("a", 2)]))).toEqual(["OpusHead", "a"])
  })

  it("goes on at the next cluster behind damage", () => {
    for (const junk of [1, 4_095, 9_000]) {
      expect(packetsOf(opus, cluster([block("a")]), Buffer.alloc(junk), cluster([block("b")]))).toEqual([
        "OpusHead",
        "a",
        "b",
      ])
    }
  })

  it("reads a cut file up to the frame that is cut", () => {
    const whole = cluster([block("a"), block("bb")])
    expect(packetsOf(opus, whole.subarray(0, -1))).toEqual(["OpusHead", "a"])
  })

  it("ends at an element whose size points past any file", () => {
    expect(packetsOf(opus, cluster([block("a")]), element("ec", "", "01fffffffffffffe"))).toEqual(["OpusHead", "a"])
  })

  it("leaves other codecs and laced blocks to ffmpeg", () => {
    expect(() => packetsOf(tracks(track(1, 2, "A_VORBIS")), cluster([block("a")]))).toThrow(needsFfmpeg)
    expect(() => packetsOf(opus, cluster([block("a", 1, 0x82)]))).toThrow(needsFfmpeg)
  })

  it("refuses a file without audio", () => {
    expect(() => packetsOf(tracks(track(1, 1, "V_VP8")), cluster([block("a")]))).toThrow(
      expect.objectContaining({
        reason: expect.objectContaining({ message: expect.stringMatching(/no audio track/) }),
      }),
    )
  })
})
