import type { ByteRange } from "../../cache/Entry.ts"

/** `whole`: no range asked for, or one that need not be honoured. `none`: nothing of the audio lies in it. */
export type Wanted = { readonly _tag: "whole" } | { readonly _tag: "none" } | ({ readonly _tag: "part" } & ByteRange)

const whole: Wanted = { _tag: "whole" }
const none: Wanted = { _tag: "none" }

/** One range, `first-last` with either side open. RFC 9110, 14.1.1: the unit's case does not matter. */
const single = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i

/**
 * What a `Range` header asks of `length` bytes. RFC 9110, 14.2 lets a server ignore the header, as is done here with
 * units other than bytes, with what does not parse, and with several ranges at once: no player asks for them, and
 * overlapping ones make a small request cost much.
 */
export const wantedRange = (header: string | undefined, length: number): Wanted => {
  const [, first, last, suffix] = single.exec(header ?? "") ?? []
  if (suffix !== undefined) {
    const size = Math.min(Number(suffix), length)
    return size === 0 ? none : { _tag: "part", start: length - size, end: length }
  }
  if (first === undefined) return whole
  const start = Number(first)
  const end = last ? Math.min(Number(last) + 1, length) : length
  if (last && Number(last) < start) return whole
  return start >= length ? none : { _tag: "part", start, end }
}
