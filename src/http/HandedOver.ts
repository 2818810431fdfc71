import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Stream } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ServerResponse } from "node:http"

const nothing = new Uint8Array()

/**
 * Asks `bytes` for more only once the operating system has taken what came before, so that what a paid stream does after
 * its last bytes, which is to charge them, is never done while Node still holds some of them: killed at that moment it
 * would have charged for bytes that never left.
 */
export const handedOver = <E>(
  request: HttpServerRequest.HttpServerRequest,
  bytes: Stream.Stream<Uint8Array, E>,
): Stream.Stream<Uint8Array, E> => {
  const response: unknown = NodeHttpServerRequest.toServerResponse(request)
  if (!(response instanceof ServerResponse)) return bytes
  // A write of nothing leaves behind all writes before it. On a connection that has gone Node calls back with an error, or
  // not at all; the server interrupts whoever waits then.
  const taken = Effect.callback<void>((resume) => {
    response.write(nothing, (error) => {
      if (error === undefined || error === null) resume(Effect.void)
    })
  })
  return Stream.transformPull(bytes, (pull) =>
    Effect.sync(() => {
      // A write before the first bytes would send the head in a packet of its own.
      let next = pull
      return Effect.suspend(() => {
        const now = next
        next = Effect.andThen(taken, pull)
        return now
      })
    }),
  )
}
