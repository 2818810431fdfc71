import { Effect, Layer, Redacted } from "effect"
import { HttpEffect, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiSecurity } from "effect/http-api"
import { Access, type Caller, isLimited } from "../../billing/Access.ts"
import type { BillingError } from "../../billing/BillingError.ts"
import { Errors } from "../../contract/Errors.ts"
import { KeyAccess, ListingAccess } from "../../contract/KeyAccess.ts"
import { Settings } from "../../Settings.ts"
import { CurrentCaller } from "./CurrentCaller.ts"
import { errorResponse } from "../ErrorResponse.ts"
import { allowanceHeaders } from "./RateLimits.ts"
import { note } from "../RequestNotes.ts"
import { makeRoomErrors } from "../RoomErrors.ts"

const make = Effect.gen(function* () {
  const { allowances, authenticate } = yield* Access
  const { retryAfter } = yield* Settings
  const told = makeRoomErrors({ retryAfter })

  const refused = (presented: Redacted.Redacted<string>) => (error: BillingError) =>
    Effect.succeed(
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
  Effect.map(make, (authenticated) =>
    KeyAccess.of({ key: (handler, { credential }) => authenticated(handler, credential) }),
  ),
)

const listingAccess = Layer.effect(
  ListingAccess,
  Effect.gen(function* () {
    const authenticated = yield* make
    const { listings } = yield* Settings
    const presented = HttpApiBuilder.securityDecode(HttpApiSecurity.bearer)
    return ListingAccess.of((handler) =>
      listings === "open" ? handler : Effect.flatMap(presented, (credential) => authenticated(handler, credential)),
    )
  }),
)

/** Answers 401 whatever needs a key and does not bring a good one. */
export const layer = Layer.merge(keyAccess, listingAccess)
