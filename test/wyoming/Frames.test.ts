import { expect, it } from "@effect/vitest"
import { FrameError, frameLimits, frameOf, makeFrameReader } from "../../src/wyoming/Frames.ts"
import { bytesTouched } from "../support/bytesTouched.ts"
import { makeDice } from "../support/dice.ts"

const text = (written: string) => new TextEncoder().encode(written)

it("reads what the protocol's document shows: a line, data behind it, audio behind that", () => {
  const read = makeFrameReader()
  expect(read(text('{"type":"describe"}\n'))).toEqual([{ type: "describe", data: {}, payload: new Uint8Array() }])
  expect(
    read(text('{"type":"audio-chunk","data":{"rate":1},"data_length":11,"payload_length":3}\n{"width":2}abc')),
  ).toEqual([{ type: "audio-chunk", data: { rate: 1, width: 2 }, payload: text("abc") }])
})

it("reads the same however the bytes are cut: 200 random streams", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { below, chance } = makeDice(seed)
    const sent = Array.from({ length: 1 + below(6) }, (_, i) => ({
      type: `t${i}`,
      data: chance(0.6) ? { text: "ä\n".repeat(below(40)), n: i } : {},
      payload: new Uint8Array(chance(0.5) ? below(3_000) : 0).fill(i),
    }))
    const bytes = Buffer.concat(sent.map(({ data, payload, type }) => frameOf(type, data, payload)))
    const read = makeFrameReader()
    const got = []
    for (let at = 0; at < bytes.length;) {
      const size = 1 + below(chance(0.3) ? 5 : 2_000)
      got.push(...read(bytes.subarray(at, at + size)))
      at += size
    }
    expect(got, `seed ${seed}`).toEqual(sent)
  }
})

it.each([
  ["audio", frameOf("audio-chunk", { rate: 16_000 }, new Uint8Array(20_000))],
  ["data", frameOf("synthesize", { text: "a".repeat(20_000) })],
  ["a long header", text(`{"type":"synthesize","data":{"text":"${"a".repeat(20_000)}"}}\n`)],
  ["many small events", Buffer.concat(Array.from({ length: 500 }, () => frameOf("ping", { text: "there?" })))],
])("touches each byte a few times, however it is cut: %s, byte by byte", (_, frame) => {
  const read = makeFrameReader()
  const bytes = Buffer.concat([frame, frame])
  let events = 0
  const touched = bytesTouched(() => {
    for (let at = 0; at < bytes.length; at++) events += read(bytes.subarray(at, at + 1)).length
  })
  expect(events % 2).toBe(0)
  expect(events).toBeGreaterThan(1)
  expect(touched / bytes.length).toBeLessThan(8)
})

it.each([
  ["no JSON", "hello\n"],
  ["a list", "[]\n"],
  ["no type", '{"data":{}}\n'],
  ["data in the header that is no object", '{"type":"a","data":[]}\n'],
  ["a length below zero", '{"type":"a","payload_length":-1}\n'],
  ["half a byte", '{"type":"a","payload_length":0.5}\n'],
  ["more audio than anybody sends at a time", `{"type":"a","payload_length":${frameLimits.payload + 1}}\n`],
  ["more data than that", `{"type":"a","data_length":${frameLimits.data + 1}}\n`],
  ["data that is no object", '{"type":"a","data_length":2}\n[]'],
  ["a line without an end", `{"type":"${"a".repeat(frameLimits.header)}`],
])("refuses %s", (_, sent) => {
  expect(() => makeFrameReader()(text(sent))).toThrow(FrameError)
})
