import { Effect, Layer } from "effect"
import { AdminAccess } from "../../contract/AdminAccess.ts"
import { Errors } from "../../contract/Errors.ts"
import { AdminToken } from "./AdminToken.ts"
import { errorResponse } from "../ErrorResponse.ts"

/** Answers 401 whatever does not bring the admin token. */
export const layer = Layer.effect(
  AdminAccess,
  Effect.map(AdminToken, ({ matches }) =>
    AdminAccess.of({
      admin: (handler, { credential }) =>
        matches(credential) ? handler : Effect.succeed(errorResponse(Errors.adminOnly())),
    }),
  ),
)
