import type { Headers } from "effect/http"

/**
 * What a representation is compared by.
 *
 * @property etag strong, in its quotes
 * @property lastModified Unix milliseconds; HTTP's dates know whole seconds
 */
export interface Validators {
  readonly etag: string
  readonly lastModified: number
}

/** What a GET or HEAD is answered: the representation, that it is unchanged (304), or that a condition fails (412). */
export type Outcome = "serve" | "unchanged" | "failed"

/** Evaluates conditions in the order of RFC 9110, 13.2.2; a date that cannot be read counts as absent. */
export const evaluate = (headers: Headers.Headers, { etag, lastModified }: Validators): Outcome => {
  const seconds = Math.floor(lastModified / 1_000)
  const ifMatch = headers["if-match"]
  const unmodifiedSince = dateOf(headers["if-unmodified-since"])
  // Strong comparison: a weak tag matches nothing.
  if (ifMatch !== undefined) {
    if (!listed(ifMatch).some((tag) => tag === "*" || tag === etag)) return "failed"
  } else if (unmodifiedSince !== undefined && seconds > unmodifiedSince) return "failed"

  const ifNoneMatch = headers["if-none-match"]
  const modifiedSince = dateOf(headers["if-modified-since"])
  if (ifNoneMatch !== undefined) {
    return listed(ifNoneMatch).some((tag) => tag === "*" || tag.replace(/^W\//, "") === etag) ? "unchanged" : "serve"
  }
  return modifiedSince !== undefined && seconds <= modifiedSince ? "unchanged" : "serve"
}

/**
 * Whether `Range` may be honoured. An `If-Range` with a date never matches: an entry may be made anew twice within a
 * second, so its date is no strong validator (RFC 9110, 13.1.5 and 8.8.2.2).
 */
export const rangeApplies = (headers: Headers.Headers, { etag }: Validators): boolean => {
  const ifRange = headers["if-range"]
  return ifRange === undefined || ifRange.trim() === etag
}

/** Entity tags may hold commas, so they are found by their quotes. */
const listed = (header: string): ReadonlyArray<string> =>
  header.trim() === "*" ? ["*"] : (header.match(/(?:W\/)?"[^"]*"/g) ?? [])

/** An HTTP date in seconds. `Date.parse` alone would take far more than the three forms of RFC 9110, 5.6.7. */
const dateOf = (header: string | undefined): number | undefined => {
  if (header === undefined || !/^[A-Z][a-z]{2,8},? /.test(header)) return undefined
  const millis = Date.parse(header.endsWith("GMT") ? header : `${header} GMT`)
  return Number.isNaN(millis) ? undefined : millis / 1_000
}
