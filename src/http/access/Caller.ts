import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { HttpEffect, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createHash } from "node:crypto"
import { Access, type Allowance, type Allowances, type Caller, isLimited } from "../../billing/Access.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import type { BillingError } from "../../billing/BillingError.ts"
import { errorResponse, makeAnswer, makeRoomErrors, type RoomError } from "../ErrorAnswers.ts"
import { Errors } from "../../contract/Errors.ts"
import { KeyAccess, ListingAccess } from "../../contract/KeyAccess.ts"
import { Payer } from "../../billing/Payer.ts"
import { note } from "../RequestRecord.ts"
import { Settings } from "../../Settings.ts"
import { reasonWords } from "../../telemetry/ReasonWords.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Who the request at hand is from; set by `KeyAccess`. */
const CurrentCaller = Context.Reference<Caller | undefined>("aviary/http/CurrentCaller", {
  defaultValue: () => undefined,
})

/** Dies where a route was not put behind `KeyAccess`: better no answer than a free one. */
export const currentCaller: Effect.Effect<Caller> = Effect.flatMap(CurrentCaller, (caller) =>
  caller === undefined ? Effect.die(new Error("the route is not behind KeyAccess")) : Effect.succeed(caller),
)

const makeAuthenticated = Effect.gen(function* () {
  const { allowances, authenticate } = yield* Access
  const { retryAfter } = yield* Settings
  const told = makeRoomErrors({ retryAfter })

  const refused = (presented: Redacted.Redacted<string>) => (error: BillingError) =>
    Effect.as(
      note({ why: reasonWords(error.reason) }),
      errorResponse(
        error.reason._tag === "InvalidKey" && Redacted.value(presented) === "" ? Errors.missingKey() : told(error),
      ),
    )

  /** When the answer leaves, whoever gives it: the framework's refusal of a body has no handler to say what is left. */
  const sayWhatIsLeft = (caller: Caller) =>
    HttpEffect.appendPreResponseHandler((_, response) =>
      Effect.map(allowances(caller), (left) => HttpServerResponse.setHeaders(response, allowanceHeaders(left))),
    )

  /** Runs `handler` as whoever the key is of, or answers that it is nobody's. */
  return <E, R>(
    handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
    presented: Redacted.Redacted<string>,
  ) =>
    Effect.matchEffect(authenticate(presented), {
      onFailure: refused(presented),
      onSuccess: (caller) => {
        const answered = Effect.andThen(
          note({ account: caller.accountId, ...(caller.keyId === null ? {} : { key: caller.keyId }) }),
          Effect.provideService(handler, CurrentCaller, caller),
        )
        return isLimited(caller) ? Effect.andThen(sayWhatIsLeft(caller), answered) : answered
      },
    })
})

const keyAccess = Layer.effect(
  KeyAccess,
  Effect.map(makeAuthenticated, (authenticated) =>
    KeyAccess.of({ key: (handler, { credential }) => authenticated(handler, credential) }),
  ),
)

/** RFC 9110, 11.1: schemes are case-insensitive. */
const bearer = /^bearer +([^ ].*)$/i

/** `KeyAccess` for a handler that the framework does not put behind it. */
export const makeBehindKey = Effect.map(
  makeAuthenticated,
  (authenticated) =>
    <E, R>(handler: Effect.Effect<Response, E, R>) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
        const [, presented = ""] = bearer.exec(headers["authorization"] ?? "") ?? []
        return authenticated(handler, Redacted.make(presented))
      }),
)

const listingAccess = Layer.effect(
  ListingAccess,
  Effect.gen(function* () {
    const behindKey = yield* makeBehindKey
    const { listings } = yield* Settings
    return ListingAccess.of((handler) => (listings === "open" ? handler : behindKey(handler)))
  }),
)

/** Answers 401 whatever needs a key and does not bring a good one. */
export const callerAccess = Layer.merge(keyAccess, listingAccess)

/** As many as Stripe takes. */
const idempotencyKeys = /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/

/**
 * Runs `work` on the account of the caller. With an `Idempotency-Key`, requests of one account that agree in it and in
 * `body` are charged once; `body` is asked for only then.
 */
export const paying = <A, E, R>(
  request: HttpServerRequest.HttpServerRequest,
  body: Effect.Effect<unknown, ApiError>,
  work: Effect.Effect<A, E, R>,
) =>
  Effect.flatMap(currentCaller, ({ accountId, keyId, priority }) => {
    const pay = (idempotency: Payer["idempotency"]) =>
      Effect.provideService(work, Payer, { accountId, keyId, idempotency, priority })
    const key = request.headers["idempotency-key"]
    if (key === undefined) return pay(null)
    return idempotencyKeys.test(key)
      ? Effect.flatMap(body, (sent) => pay({ key, fingerprint: fingerprint(sent) }))
      : Effect.fail(Errors.invalidValue("Idempotency-Key", "expected 1 to 255 printable characters"))
  })

/** SHA-256 of a decoded body. Its members come in the order of its schema, so how a client wrote them makes no difference. */
const fingerprint = (body: unknown): string => createHash("sha256").update(JSON.stringify(body)).digest("hex")

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
const allowanceHeaders = ({ requests, characters }: Allowances): Record<string, string> => ({
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
      isLimited(caller)
        ? Effect.andThen(
            admit(caller, characters),
            Effect.tapError(asked, (error) => (isUnpaid(error) ? unadmit(caller, characters) : Effect.void)),
          )
        : asked,
    ).pipe(answer)
})
