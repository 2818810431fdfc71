import { expect, it } from "vitest"
import { makeOggPages } from "../../../src/audio/format/OggPages.ts"

it("writes pages as RFC 3533 has them: marks, place, number, checksum and lengths", () => {
  const page = makeOggPages()
  const first = Buffer.from(page([new Uint8Array(300).fill(7), Uint8Array.of(1, 2)], 960))
  expect(first.subarray(0, 6).toString("latin1")).toBe("OggS\x00\x02")
  expect(first.readBigUInt64LE(6)).toBe(960n)
  expect([...first.subarray(26, 30)]).toEqual([3, 255, 45, 2])
  expect(first.length).toBe(30 + 302)
  const second = Buffer.from(page([new Uint8Array(255)], 1_920, true))
  expect([second[5], second.readUInt32LE(18)]).toEqual([4, 1])
  // A packet of a whole number of segments ends with an empty one.
  expect([...second.subarray(26, 29)]).toEqual([2, 255, 0])
})
