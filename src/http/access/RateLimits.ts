import { Effect, type Scope } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Access, type Allowance, type Allowances } from "../../billing/Access.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import { makeAnswer } from "../Answer.ts"
import { currentCaller } from "./CurrentCaller.ts"
import type { RoomError } from "../RoomErrors.ts"

type Response = HttpServerResponse.HttpServerResponse

/** A duration as Go writes it and OpenAI sends it: `12ms`, `1s`, `6m0s`, `1h0m0s`. */
export const goDuration = (millis: number): string => {
  if (millis < 1_000) return `${Math.max(0, Math.ceil(millis))}ms`
  const seconds = Math.ceil(millis / 1_000)
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`
}

const headersOf = (what: "requests" | "tokens", allowance: Allowance | null): Record<string, string> =>
  allowance === null
    ? {}
    : {
        [`x-ratelimit-limit-${what}`]: String(allowance.limit),
        [`x-ratelimit-remaining-${what}`]: String(allowance.remaining),
        [`x-ratelimit-reset-${what}`]: goDuration(allowance.resetMillis),
      }

/** OpenAI's names; a character of text counts as a token. */
export const allowanceHeaders = ({ requests, characters }: Allowances): Record<string, string> => ({
  ...headersOf("requests", requests),
  ...headersOf("tokens", characters),
})

/** What was refused for want of money, before anything was done. */
const isUnpaid = (error: RoomError | ApiError) =>
  error._tag === "BillingError" && (error.reason._tag === "InsufficientQuota" || error.reason._tag === "CapReached")

/**
 * Counts a request against the limits of its caller: beyond them it is answered 429. One that cannot be paid does not
 * count. What is left `KeyAccess` says.
 */
export const makeRateLimits = Effect.gen(function* () {
  const { admit, unadmit } = yield* Access
  const answer = yield* makeAnswer

  /** @param characters code points of text to speak */
  return (characters: number, asked: Effect.Effect<Response, RoomError | ApiError, Scope.Scope>) =>
    Effect.flatMap(currentCaller, (caller) =>
      Effect.andThen(
        admit(caller, characters),
        Effect.tapError(asked, (error) => (isUnpaid(error) ? unadmit(caller, characters) : Effect.void)),
      ),
    ).pipe(answer)
})
