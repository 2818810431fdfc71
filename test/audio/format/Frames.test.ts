import { expect, it } from "vitest"
import { makeFrames } from "../../../src/audio/format/Frames.ts"

it("frames of one size, however the samples come", () => {
  for (const cut of [1, 2, 3, 7, 20]) {
    const frames = makeFrames(3)
    const seen: Array<Array<number>> = []
    const see = (frame: Int16Array) => seen.push([...frame])
    const samples = Int16Array.from({ length: 8 }, (_, at) => at)
    for (let at = 0; at < 8; at += cut) frames.push(samples.subarray(at, at + cut), see)
    frames.fill(see)
    frames.fill(see)
    expect(seen).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 0],
    ])
  }
})

it("what is left may also be had as it is", () => {
  const frames = makeFrames(3)
  const seen: Array<Array<number>> = []
  frames.push(Int16Array.of(1, 2, 3, 4), () => {})
  frames.rest((samples) => seen.push([...samples]))
  frames.rest((samples) => seen.push([...samples]))
  expect(seen).toEqual([[4]])
})
