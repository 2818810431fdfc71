import { describe, expect, it } from "@effect/vitest"
import { Option } from "effect"
import { decodeFooter, encodeFooter, maxFooterBytes, type Metadata } from "../../src/cache/EntryFormat.ts"
import { audio, description, keyOf } from "../support/cache.ts"

const bytes = audio(1, 100)
const metadata: Metadata = {
  ...description,
  key: keyOf("a"),
  keyVersion: 1,
  length: bytes.length,
  sha256: "ab".repeat(32),
  created: 1_790_000_000_000,
}
const footer = Option.getOrThrow(encodeFooter(metadata))
const file = Buffer.concat([bytes, footer])
const decode = (whole: Uint8Array) => decodeFooter(whole.slice(-maxFooterBytes), whole.length, keyOf("a"))

describe("an entry's footer", () => {
  it("is read back as it was written", () => {
    expect(decode(file)).toEqual(Option.some(metadata))
  })

  it("is not read from a file that was cut anywhere", () => {
    for (let length = 0; length < file.length; length++)
      expect(Option.isNone(decode(file.subarray(0, length)))).toBe(true)
    for (let start = 1; start <= file.length; start++) expect(Option.isNone(decode(file.subarray(start)))).toBe(true)
  })

  it("is not read if any bit was changed", () => {
    for (let at = bytes.length; at < file.length; at++) {
      const altered = Buffer.from(file)
      altered[at]! ^= 1 << (at % 8)
      expect(Option.isNone(decode(altered)), `byte ${at}`).toBe(true)
    }
  })

  it("is not read from a file with bytes added at either end", () => {
    expect(Option.isNone(decode(Buffer.concat([Buffer.from([0]), file])))).toBe(true)
    expect(Option.isNone(decode(Buffer.concat([file, Buffer.from([0])])))).toBe(true)
    expect(Option.isNone(decode(Buffer.concat([file, file])))).toBe(true)
  })

  it("is not read under another key", () => {
    expect(Option.isNone(decodeFooter(file, file.length, keyOf("b")))).toBe(true)
  })

  it("is not written if it would not be found again", () => {
    expect(Option.isNone(encodeFooter({ ...metadata, voice: "v".repeat(maxFooterBytes) }))).toBe(true)
  })
})
