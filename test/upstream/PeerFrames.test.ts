import { assert, it } from "@effect/vitest"
import { encodeFrame, makeFrameReader, type PeerFrame } from "../../src/upstream/PeerFrames.ts"
import { bytesTouched } from "../support/bytesTouched.ts"

const frames: ReadonlyArray<PeerFrame> = [
  { _tag: "total", total: 123_456 },
  { _tag: "bytes", bytes: Buffer.from("the first") },
  { _tag: "bytes", bytes: new Uint8Array(2_000).fill(7) },
  { _tag: "end", durationMs: 1_500, head: Uint8Array.from([1, 2, 3]) },
]
const sent = Buffer.concat(frames.map(encodeFrame))
const plain = (frame: PeerFrame) =>
  JSON.stringify({ ...frame, ...("bytes" in frame ? { bytes: Buffer.from(frame.bytes).toString("hex") } : {}) })

it("frames come out as they went in, however their bytes were cut", () => {
  for (const size of [1, 3, 4, 5, 6, 1_000, sent.length]) {
    const read = makeFrameReader()
    const heard: Array<PeerFrame> = []
    for (let at = 0; at < sent.length; at += size) heard.push(...(read(sent.subarray(at, at + size)) ?? []))
    assert.deepStrictEqual(heard.map(plain), frames.map(plain), String(size))
  }
})

it("each byte is touched a few times, also where it comes alone", () => {
  const read = makeFrameReader()
  const bytes = encodeFrame({ _tag: "bytes", bytes: new Uint8Array(20_000).fill(1) })
  let heard = 0
  const touched = bytesTouched(() => {
    for (let at = 0; at < bytes.length; at++) heard += read(bytes.subarray(at, at + 1))?.length ?? 0
  })
  assert.strictEqual(heard, 1)
  assert.isBelow(touched / bytes.length, 8)
})

it("what is no frame is told, and no size that is declared is waited for", () => {
  assert.isUndefined(makeFrameReader()(Buffer.from("<html>")))
  assert.isUndefined(makeFrameReader()(Uint8Array.from([1, 255, 255, 255, 255])))
  assert.isUndefined(makeFrameReader()(Uint8Array.from([9, 0, 0, 0, 0])))
  assert.isUndefined(makeFrameReader()(Buffer.concat([Uint8Array.from([3, 0, 0, 0, 2]), Buffer.from("{}")])))
})
