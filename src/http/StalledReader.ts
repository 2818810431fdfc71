import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Duration, Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ServerResponse } from "node:http"

/** Longer than any silence that an engine is allowed. */
const usualPatience = Duration.seconds(90)

/**
 * Breaks off a response whose client stays connected but no longer reads: it would hold its flight and file open for as
 * long as it likes. Node's own `server.timeout` would also cut requests that wait for an engine.
 *
 * @param patience how long a streaming response may go without a byte moving
 */
export const cutStalledReader = (
  request: HttpServerRequest.HttpServerRequest,
  patience: Duration.Duration = usualPatience,
): Effect.Effect<void> =>
  Effect.sync(() => {
    const response: unknown = NodeHttpServerRequest.toServerResponse(request)
    if (!(response instanceof ServerResponse)) return
    response.setTimeout(Duration.toMillis(patience), () => response.destroy())
  })
