import { Cause, Effect, Exit } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { holdsSecret, withoutSecrets } from "../contract/Secrets.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"

/**
 * A request that is over. Times are of `elapsedMillis`.
 *
 * @property path without the query, and without keys
 * @property route as the contract writes it; absent where there is none for the path and method
 * @property answeredAt when status and headers were there
 * @property bytes of the response body handed over
 * @property exit how the body ended
 */
export interface EndedRequest {
  readonly id: string
  readonly request: HttpServerRequest.HttpServerRequest
  readonly path: string
  readonly route: string | undefined
  readonly startedAt: number
  readonly answeredAt: number
  readonly response: HttpServerResponse.HttpServerResponse
  readonly bytes: number
  readonly exit: Exit.Exit<unknown, unknown>
}

/** Whether the client got all of the answer, and who broke it off if not. */
export const endOf = ({ exit }: EndedRequest): "whole" | "client left" | "aborted" =>
  Exit.isSuccess(exit) ? "whole" : Cause.hasInterruptsOnly(exit.cause) ? "client left" : "aborted"

/** `cause` for the log: as text, where it repeats a key. */
export const loggable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> | string => {
  const pretty = Cause.pretty(cause)
  return holdsSecret(pretty) ? withoutSecrets(pretty) : cause
}

/**
 * One line per request: what was asked, how it ended, and nothing of what was said. The query string stays out, since
 * clients put keys there.
 */
export const logRequest = Effect.fnUntraced(function* (line: EndedRequest) {
  const now = yield* elapsedMillis
  const cache = line.response.headers["x-cache"]
  yield* Effect.annotateLogs(Effect.logInfo("Request"), {
    method: line.request.method,
    path: line.path,
    status: line.response.status,
    ms: Math.round(now - line.startedAt),
    bytes: line.bytes,
    request_id: line.id,
    ...(cache === undefined ? {} : { x_cache: cache }),
    ...(Exit.isSuccess(line.exit) ? {} : { ended: endOf(line) }),
  })
  if (Exit.isFailure(line.exit) && !Cause.hasInterruptsOnly(line.exit.cause)) {
    yield* Effect.annotateLogs(Effect.logWarning("Response broken off", loggable(line.exit.cause)), {
      request_id: line.id,
    })
  }
})
