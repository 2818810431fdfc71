import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { errorsWith } from "./ErrorEnvelope.ts"

const admin = HttpApiSecurity.bearer.pipe(
  HttpApiSecurity.annotate(
    OpenApi.Description,
    "The admin token: `AVIARY_ADMIN_TOKEN`, or the one that the gateway made at its first start.",
  ),
)

/** Marks groups and endpoints that answer only who brings the admin token. */
export class AdminAccess extends HttpApiMiddleware.Service<AdminAccess>()("aviary/contract/AdminAccess", {
  error: errorsWith(401),
  security: { admin },
}) {}
