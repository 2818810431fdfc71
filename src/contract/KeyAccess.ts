import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { errorsWith } from "./ErrorEnvelope.ts"

const key = HttpApiSecurity.bearer.pipe(
  HttpApiSecurity.annotate(
    OpenApi.Description,
    "An API key, `sk-aviary-…`. With `AVIARY_ACCESS=open` none is needed, and what is no key of ours is ignored.",
  ),
)

/** Marks endpoints that need a client's key. */
export class KeyAccess extends HttpApiMiddleware.Service<KeyAccess>()("aviary/contract/KeyAccess", {
  error: errorsWith(401, 403, 503),
  security: { key },
}) {}

/** Marks listings, which need one only with `AVIARY_LISTINGS=keys`: Open WebUI asks for them without. */
export class ListingAccess extends HttpApiMiddleware.Service<ListingAccess>()("aviary/contract/ListingAccess", {
  error: errorsWith(401, 403, 503),
}) {}

/** What `/openapi.json` says of an endpoint with `ListingAccess`. */
export const keyOptional = OpenApi.annotations({ override: { security: [{}, { key: [] }] } })
