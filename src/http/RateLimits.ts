import { Effect, type Scope } from "effect"
import { HttpServerResponse } from "effect/http"
import { Access, type Allowance } from "../billing/Access.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { ApiError } from "../contract/ApiError.ts"
import { Settings } from "../Settings.ts"
import { currentCaller } from "./CurrentCaller.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { makeRoomErrors } from "./RoomErrors.ts"

type Response = HttpServerResponse.HttpServerResponse

/** A duration as Go writes it and OpenAI sends it: `12ms`, `1s`, `6m0s`, `1h0m0s`. */
export const goDuration = (millis: number): string => {
  if (millis < 1_000) return `${Math.max(0, Math.ceil(millis))}ms`
  const seconds = Math.ceil(millis / 1_000)
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`
}

/** OpenAI's names; a character of text counts as a token. */
const rateHeaders = (what: "requests" | "tokens", allowance: Allowance | null): Record<string, string> =>
  allowance === null
    ? {}
    : {
        [`x-ratelimit-limit-${what}`]: String(allowance.limit),
        [`x-ratelimit-remaining-${what}`]: String(allowance.remaining),
        [`x-ratelimit-reset-${what}`]: goDuration(allowance.resetMillis),
      }

const refusedHeaders = ({ reason }: BillingError): Record<string, string> =>
  reason._tag === "RateLimited"
    ? rateHeaders(reason.limit === "requests" ? "requests" : "tokens", {
        limit: reason.max,
        remaining: 0,
        resetMillis: reason.retryAfterMs,
      })
    : {}

/** Counts a request against the limits of its caller: beyond them it is answered 429, and every answer says what is left. */
export const makeRateLimits = Effect.gen(function* () {
  const { admit } = yield* Access
  const { retryAfter } = yield* Settings
  const told = makeRoomErrors({ retryAfter })

  /** @param characters code points of text to speak */
  return (characters: number, answer: Effect.Effect<Response, ApiError, Scope.Scope>) =>
    Effect.flatMap(currentCaller, (caller) =>
      Effect.matchEffect(admit(caller, characters), {
        onFailure: (error) =>
          Effect.succeed(HttpServerResponse.setHeaders(errorResponse(told(error)), refusedHeaders(error))),
        onSuccess: (left) =>
          answer.pipe(
            Effect.catch((error) => Effect.succeed(errorResponse(error))),
            Effect.map(
              HttpServerResponse.setHeaders({
                ...rateHeaders("requests", left.requests),
                ...rateHeaders("tokens", left.characters),
              }),
            ),
          ),
      }),
    )
})
