import { Effect, Redacted } from "effect"
import { HttpEffect, HttpServerResponse } from "effect/http"
import { handlersOf } from "../RequestContext.ts"
import { Accounts } from "../../billing/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { makeAnswer } from "../ErrorAnswers.ts"

const unstored = HttpEffect.appendPreResponseHandler((_, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "cache-control", "no-store")),
)

/** `/admin/keys`. */
export const AdminKeysHandlers = handlersOf(
  Api,
  "adminKeys",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const answer = yield* makeAnswer
    return handlers
      .handle("create", ({ payload }) =>
        answer(
          accounts.createKey(payload).pipe(
            Effect.map(({ key, text }) => ({ key, text: Redacted.value(text) })),
            Effect.tap(() => unstored),
          ),
        ),
      )
      .handle("list", ({ query }) => answer(Effect.map(accounts.keys(query.accountId), (keys) => ({ keys }))))
      .handle("revoke", ({ params }) => answer(accounts.revokeKey(params.id)))
  }),
)
