import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Cause, Duration, Effect, Stream } from "effect"
import { HttpServerError, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerResponse } from "node:http"
import { paid, type Payable } from "../billing/Payable.ts"

/** Longer than any silence that an engine is allowed. */
const usualPatience = Duration.seconds(90)

const nothing = new Uint8Array()

/** Absent where there is no socket. */
const responseOf = (request: HttpServerRequest.HttpServerRequest): ServerResponse | undefined => {
  const response: unknown = NodeHttpServerRequest.toServerResponse(request)
  return response instanceof ServerResponse ? response : undefined
}

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
    const response = responseOf(request)
    response?.setTimeout(Duration.toMillis(patience), () => response.destroy())
  })

/**
 * Waits until the operating system has taken everything that was written: the callback of an empty write runs once all earlier
 * writes have. Killed while Node still holds some of them, the gateway would have charged for bytes that never left.
 */
const handedOver = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> => {
  const response = responseOf(request)
  if (response === undefined) return Effect.void
  // On a connection that has gone Node calls back with an error, or not at all; the server interrupts whoever waits then.
  return Effect.callback<void>((resume) => {
    response.write(nothing, (error) => {
      if (error === undefined || error === null) resume(Effect.void)
    })
  })
}

/** A client that left, by itself or cut for not reading. A server that stops interrupts too, and nobody is charged for that. */
const leaving =
  (request: HttpServerRequest.HttpServerRequest) =>
  (cause: Cause.Cause<unknown>): boolean =>
    Cause.hasInterruptsOnly(cause) &&
    (responseOf(request) === undefined ||
      cause.reasons.some((reason) => reason.annotations.has(HttpServerError.ClientAbort.key)))

interface Head {
  readonly contentType: string
  readonly headers?: Record<string, string>
}

const respond = (body: Stream.Stream<Uint8Array, unknown>, length: number | undefined, head: Head) =>
  HttpServerResponse.stream(body, { ...head, ...(length === undefined ? {} : { contentLength: length }) })

/** The response that delivers `answer` as it comes. It is charged when the operating system has all of it but the last byte or the end. */
export const deliver = <E>(request: HttpServerRequest.HttpServerRequest, answer: Payable<E>, head: Head) =>
  Effect.as(
    cutStalledReader(request),
    respond(paid(answer, { handedOver: handedOver(request), isLeaving: leaving(request) }), answer.length, head),
  )

/**
 * The response that delivers an answer which is of use before its last byte, such as a text: it is charged before the first. That it
 * is out is told once the operating system has it.
 */
export const deliverCharged = <E>(request: HttpServerRequest.HttpServerRequest, answer: Payable<E>, head: Head) =>
  Effect.gen(function* () {
    yield* answer.settle
    // Until the first byte: whoever leaves in between is paid back.
    yield* answer.delivered(0)
    yield* cutStalledReader(request)
    const out = { ...answer, length: undefined, settle: handedOver(request) }
    return respond(paid(out, { isLeaving: leaving(request) }), answer.length, head)
  })
