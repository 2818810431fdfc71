import { Effect, Option, Schema } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { AtomicCache } from "../../cache/AtomicCache.ts"
import { CacheKey } from "../../cache/CacheKey.ts"
import type { Entry } from "../../cache/Entry.ts"
import { OwnedKeys } from "../../cache/OwnedKeys.ts"
import { Errors } from "../../contract/Errors.ts"
import { wantedRange } from "./ByteRange.ts"
import { currentCaller } from "../access/CurrentCaller.ts"
import { errorResponse } from "../ErrorResponse.ts"
import { inFairTurns } from "../FairTurns.ts"
import { evaluate, rangeApplies } from "./Precondition.ts"
import { makeRateLimits } from "../access/RateLimits.ts"

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
