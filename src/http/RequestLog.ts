import { Cause, Clock, Effect, Exit } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"

/**
 * One line per request: what was asked, how it ended, and nothing of what was said. The query string stays out, since
 * clients put keys there.
 *
 * @property bytes of the response body handed over
 * @property exit how the body ended
 */
export const logRequest = Effect.fnUntraced(function* (line: {
  readonly id: string
  readonly request: HttpServerRequest.HttpServerRequest
  readonly path: string
  readonly startedAt: number
  readonly response: HttpServerResponse.HttpServerResponse
  readonly bytes: number
  readonly exit: Exit.Exit<unknown, unknown>
}) {
  const now = yield* Clock.currentTimeMillis
  const cache = line.response.headers["x-cache"]
  yield* Effect.annotateLogs(Effect.logInfo("Request"), {
    method: line.request.method,
    path: line.path,
    status: line.response.status,
    ms: now - line.startedAt,
    bytes: line.bytes,
    request_id: line.id,
    ...(cache === undefined ? {} : { x_cache: cache }),
    ...(Exit.isSuccess(line.exit)
      ? {}
      : { ended: Cause.hasInterruptsOnly(line.exit.cause) ? "client left" : "aborted" }),
  })
  if (Exit.isFailure(line.exit) && !Cause.hasInterruptsOnly(line.exit.cause)) {
    yield* Effect.annotateLogs(Effect.logWarning("Response broken off", line.exit.cause), { request_id: line.id })
  }
})
