import { Effect } from "effect"
import { HttpEffect, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiSecurity } from "effect/http-api"
import { formatNames } from "../../audio/format/AudioFormat.ts"
import { Access } from "../../billing/Access.ts"
import { Api } from "../../contract/Api.ts"
import type { Visitor } from "../../contract/ConsoleGroup.ts"
import { isLoopback, Settings } from "../../Settings.ts"
import { AdminToken } from "../access/AdminToken.ts"
import { handlersOf } from "../RequestContext.ts"

/** What proxies say of whom they ask for: behind one, everybody comes from this machine. */
const forwarded = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"]

const isForwarded = ({ headers }: HttpServerRequest.HttpServerRequest) => forwarded.some((name) => name in headers)

const unstored = HttpEffect.appendPreResponseHandler((_, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "cache-control", "no-store")),
)

/** `/console`. */
export const ConsoleHandlers = handlersOf(
  Api,
  "console",
  Effect.fnUntraced(function* (handlers) {
    const { authenticate } = yield* Access
    const { matches } = yield* AdminToken
    const { access, host } = yield* Settings

    const who = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const presented = yield* HttpApiBuilder.securityDecode(HttpApiSecurity.bearer)
      if (matches(presented)) return "operator"
      const caller = yield* Effect.option(authenticate(presented))
      if (caller._tag === "None") return "stranger"
      if (caller.value.keyId !== null) return "client"
      return isLoopback(host) && !isForwarded(request) ? "guest" : "stranger"
    })

    return handlers.handle("who", ({ request }) =>
      unstored.pipe(
        Effect.andThen(who(request)),
        Effect.map((found): Visitor => ({ who: found, access, formats: formatNames })),
      ),
    )
  }),
)
