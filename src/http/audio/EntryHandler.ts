import { Effect, Option, Schema } from "effect"
import { type Headers, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { AtomicCache } from "../../cache/AtomicCache.ts"
import { CacheKey } from "../../cache/CacheKey.ts"
import { currentCaller, makeRateLimits } from "../access/Caller.ts"
import type { ByteRange, Entry } from "../../cache/Entry.ts"
import { errorResponse } from "../ErrorAnswers.ts"
import { Errors } from "../../contract/Errors.ts"
import { inFairTurns } from "../FairTurns.ts"
import { OwnedKeys } from "../../cache/OwnedKeys.ts"

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

/** An entry may be made anew under its key, so it is fresh for an hour, not for ever. It may be somebody's private text. */
const freshness = "private, max-age=3600"

/** `content-location` is known before its entry is committed: a client's cache must not remember that it was not there. */
const absent = (key: string) =>
  HttpServerResponse.setHeader(errorResponse(Errors.speechNotFound(key)), "cache-control", "no-store")

/**
 * `GET` and `HEAD /v1/audio/speech/{key}`: a committed entry of the caller's by RFC 9110. Never synthesizes, never charges,
 * and counts as a request against the limits of a key.
 */
export const makeEntryHandler = Effect.gen(function* () {
  const cache = yield* AtomicCache
  const keys = yield* OwnedKeys
  const limited = yield* makeRateLimits

  const fetchEntry = Effect.fn("http.entry")(function* (key: string, request: HttpServerRequest.HttpServerRequest) {
    const { accountId } = yield* currentCaller
    // What is another's is not even looked for: a client must not learn from how long it takes that it is there.
    if (!Schema.is(CacheKey)(key) || !keys.owns(accountId, key)) return absent(key)
    const found = yield* cache.get(key)
    if (Option.isNone(found)) return absent(key)
    return answer(found.value, request)
  })

  return (key: string, request: HttpServerRequest.HttpServerRequest) => limited(0, fetchEntry(key, request))
})

const answer = ({ metadata, bytes }: Entry, request: HttpServerRequest.HttpServerRequest) => {
  const { headers, method } = request
  const { length, contentType } = metadata
  const validators = { etag: `"${metadata.sha256}"`, lastModified: metadata.created }
  const said = {
    "accept-ranges": "bytes",
    "cache-control": freshness,
    etag: validators.etag,
    "last-modified": new Date(metadata.created).toUTCString(),
    "x-cache": "HIT",
  }

  const outcome = evaluate(headers, validators)
  if (outcome === "failed") return errorResponse(Errors.preconditionFailed())
  if (outcome === "unchanged") return HttpServerResponse.empty({ status: 304, headers: said })

  // RFC 9110, 14.2: only GET knows ranges.
  const asked = method === "GET" && rangeApplies(headers, validators) ? headers["range"] : undefined
  const wanted = wantedRange(asked, length)
  switch (wanted._tag) {
    case "whole":
      return HttpServerResponse.stream(inFairTurns(bytes()), { contentType, contentLength: length, headers: said })
    case "none":
      return HttpServerResponse.setHeader(
        errorResponse(Errors.rangeNotSatisfiable(length)),
        "content-range",
        `bytes */${length}`,
      )
    case "part": {
      const { start, end } = wanted
      return HttpServerResponse.stream(inFairTurns(bytes({ start, end })), {
        status: 206,
        contentType,
        contentLength: end - start,
        headers: { ...said, "content-range": `bytes ${start}-${end - 1}/${length}` },
      })
    }
  }
}
