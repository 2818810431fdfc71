import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { createHash } from "node:crypto"
import { Payer } from "../../billing/Payer.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"
import { currentCaller } from "./CurrentCaller.ts"

/** As many as Stripe takes. */
const idempotencyKeys = /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/

/**
 * Runs `work` on the account of the caller. With an `Idempotency-Key`, requests of one account that agree in it and in
 * `body` are charged once; `body` is asked for only then.
 */
export const paying = Effect.fnUntraced(function* <A, E, R>(
  request: HttpServerRequest.HttpServerRequest,
  body: Effect.Effect<unknown, ApiError>,
  work: Effect.Effect<A, E, R>,
) {
  const { accountId, keyId, priority } = yield* currentCaller
  const key = request.headers["idempotency-key"]
  if (key !== undefined && !idempotencyKeys.test(key)) {
    return yield* Errors.invalidValue("Idempotency-Key", "expected 1 to 255 printable characters")
  }
  const idempotency = key === undefined ? null : { key, fingerprint: fingerprint(yield* body) }
  return yield* Effect.provideService(work, Payer, { accountId, keyId, idempotency, priority })
})

/** SHA-256 of a decoded body. Its members come in the order of its schema, so how a client wrote them makes no difference. */
const fingerprint = (body: unknown): string => createHash("sha256").update(JSON.stringify(body)).digest("hex")
