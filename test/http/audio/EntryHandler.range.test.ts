import { expect, it } from "@effect/vitest"
import { wantedRange } from "../../../src/http/audio/EntryHandler.ts"

const part = (start: number, end: number) => ({ _tag: "part", start, end })
const whole = { _tag: "whole" }
const none = { _tag: "none" }

// RFC 9110, 14.1.2 and 14.2, of an audio of 1,000 bytes.
it.each([
  ["bytes=0-499", part(0, 500)],
  ["bytes=500-999", part(500, 1_000)],
  ["bytes=0-0", part(0, 1)],
  ["bytes=999-", part(999, 1_000)],
  ["bytes=0-", part(0, 1_000)],
  ["bytes=-1", part(999, 1_000)],
  ["bytes=-1000", part(0, 1_000)],
  ["bytes=-5000", part(0, 1_000)],
  ["bytes=900-5000", part(900, 1_000)],
  ["bytes=5-99999999999999999999999999", part(5, 1_000)],
  ["Bytes= 0-1 ", part(0, 2)],
  ["bytes=1000-", none],
  ["bytes=1000-2000", none],
  ["bytes=99999999999999999999999999-", none],
  ["bytes=-0", none],
  // Malformed, of another unit, or several: to be ignored.
  ["bytes=500-400", whole],
  ["bytes=-", whole],
  ["bytes=a-b", whole],
  ["bytes=1.5-3", whole],
  ["bytes=+1-3", whole],
  ["bytes 0-1", whole],
  ["seconds=0-1", whole],
  ["bytes=0-1,5-6", whole],
  ["", whole],
  [undefined, whole],
])("%s", (header, wanted) => {
  expect(wantedRange(header, 1_000)).toEqual(wanted)
})
