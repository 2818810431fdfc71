import { Cause, Clock, Context, Effect, Exit, Option, References, Scope, Stream, type Tracer } from "effect"
import { type Headers, HttpBody, HttpServerError, HttpServerRequest, HttpServerResponse as Response } from "effect/http"
import { IncomingMessage } from "node:http"
import type { ApiError } from "../contract/ApiError.ts"
import type { BrowserRules } from "./access/BrowserRules.ts"
import { millisOf } from "../telemetry/Elapsed.ts"
import { causeFault, errorResponse, maxJsonBytes } from "./ErrorAnswers.ts"
import { Errors } from "../contract/Errors.ts"
import type { KnownRoutes } from "./KnownRoutes.ts"
import { hasRest } from "./connection/NodeResponse.ts"
import {
  beginSpan,
  begunRequest,
  codeOf,
  countRequest,
  CurrentNotes,
  endSpan,
  logBegun,
  loggable,
  logRequest,
  requestId,
  type RequestNotes,
} from "./RequestRecord.ts"
import { withoutSecrets } from "../telemetry/Secrets.ts"
import type { Traffic } from "../telemetry/Traffic.ts"

type App = Effect.Effect<Response.HttpServerResponse, unknown, HttpServerRequest.HttpServerRequest | Scope.Scope>

/**
 * What every request passes, routed or not: the request id, errors in OpenAI's envelope, and the log line once the body has left.
 */
export const frontDoor = Effect.fnUntraced(function* (
  app: App,
  known: KnownRoutes["Service"],
  rules: BrowserRules,
  watch: Traffic["Service"]["begin"],
) {
  const request = yield* HttpServerRequest.HttpServerRequest
  demandUtf8(request)
  const clock = yield* Clock.Clock
  const startedAt = millisOf(clock)
  const id = requestId(request.headers["x-request-id"])
  const path = withoutSecrets(request.url.split("?", 1)[0]!)
  yield* logBegun(id, request, path)
  const noted: { notes: RequestNotes } = { notes: {} }
  const route = known.routeOf(request.method, request.url)

  const span = yield* beginSpan(request, path, route)
  const watched = watch && begunRequest(watch, { id, method: request.method, path, route, noted })

  const refused = Option.orElse(hostFault(request), () => rules.refusal(request))
  const answer = Option.isSome(refused)
    ? Effect.succeed(errorResponse(refused.value))
    : route !== undefined && encoded(request)
      ? notDecoded
      : app
  const response = yield* rules.shared(request, answer).pipe(
    Effect.map((response) => enveloped(request, path, response)),
    Effect.catchCause((cause) => failed(cause, request, path, known.methodsOf)),
    Effect.updateContext((context: Context.Context<HttpServerRequest.HttpServerRequest | Scope.Scope>) => {
      const annotations = { ...Context.get(context, References.CurrentLogAnnotations), request_id: id }
      return Context.add(Context.add(context, CurrentNotes, noted), References.CurrentLogAnnotations, annotations)
    }),
    (answered) => (span === undefined ? answered : Effect.withParentSpan(answered, span, { captureStackTrace: false })),
  )
  // A small body is often here already, unless its request was handled before the parser came to it.
  if (isArriving(request)) yield* Effect.yieldNow
  const answeredAt = millisOf(clock)
  const headed = secured(response, {
    "x-request-id": id,
    "openai-processing-ms": String(Math.round(answeredAt - startedAt)),
  })
  return yield* logged(headed, request.method === "HEAD", span, (bytes, exit) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const times = { startedAt, answeredAt, endedAt: millisOf(clock) }
      const answered = { response: headed, code: codeOf(headed), notes: noted.notes, bytes, exit }
      const line = { id, request, path, route, ...times, ...answered }
      watched?.(line)
      countRequest(line, context)
      return span === undefined ? logRequest(line) : Effect.andThen(logRequest(line), endSpan(span, line))
    }),
  )
})

/** RFC 9110, 7.2 and RFC 3986, 3.2.2: a name or an address, and a port. As everywhere, one that is empty is none. */
const wellFormed = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d{0,5})?$/i

/**
 * Why the `Host` of a request is refused (RFC 9112, 3.2): two servers on its way could each believe another one. Of two Node
 * shows the first, so the headers are looked at as they were sent.
 */
const hostFault = (request: HttpServerRequest.HttpServerRequest): Option.Option<ApiError> => {
  const source: unknown = request.source
  if (!(source instanceof IncomingMessage)) return Option.none()
  const { rawHeaders } = source
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length === 4 && name.toLowerCase() === "host") hosts++
  }
  const { host } = source.headers
  const absent = host === undefined && source.httpVersion !== "1.0"
  return absent || hosts > 1 || (host !== undefined && !wellFormed.test(host))
    ? Option.some(Errors.invalidHost())
    : Option.none()
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * From now on the text of `request` has to be UTF-8. The framework puts U+FFFD in the place of bytes that are not, and a voice would
 * speak it. RFC 8259, 8.1: JSON is UTF-8. The error is a defect where the framework reads the text, and has its place in
 * the catalogue all the same.
 */
const demandUtf8 = (request: HttpServerRequest.HttpServerRequest): void => {
  const decode = (bytes: ArrayBuffer) => {
    try {
      return Effect.succeed(utf8.decode(bytes))
    } catch {
      return Effect.die(Errors.invalidUtf8())
    }
  }
  // The request's own: an object with the request as its prototype is slow at everything. The bytes are prepared for when they are
  // wanted, since many requests have none.
  Object.defineProperty(request, "text", {
    value: Effect.flatMap(
      Effect.suspend(() => request.arrayBuffer),
      decode,
    ),
  })
}

/** For whatever a browser shows or embeds: nothing is sniffed, framed, loaded, or told where it came from. */
const browserHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
} satisfies Headers.Input

/** `response` with them and with `more`; a page says itself what it may load. */
const secured = (
  response: Response.HttpServerResponse,
  more: Readonly<Record<string, string>>,
): Response.HttpServerResponse => {
  const own = response.headers["content-security-policy"]
  return Response.setHeaders(response, {
    ...browserHeaders,
    ...(own === undefined ? {} : { "content-security-policy": own }),
    ...more,
  })
}

const failed = Effect.fnUntraced(function* (
  cause: Cause.Cause<unknown>,
  request: HttpServerRequest.HttpServerRequest,
  path: string,
  methodsOf: (url: string) => ReadonlyArray<string>,
) {
  if (isRouteNotFound(cause)) {
    const allowed = methodsOf(request.url)
    return errorResponse(
      allowed.length === 0
        ? Errors.unknownUrl(request.method, path)
        : Errors.methodNotAllowed(request.method, path, allowed).allow(allowed),
    )
  }
  const known = causeFault(cause)
  if (Option.isSome(known)) return errorResponse(known.value)
  if (Cause.hasInterruptsOnly(cause)) {
    // A client that left needs no answer; a gateway that stops owes one.
    const clientLeft = cause.reasons.some((reason) => reason.annotations.has(HttpServerError.ClientAbort.key))
    return clientLeft ? Response.empty({ status: 499 }) : errorResponse(Errors.shuttingDown().retryAfter(1_000))
  }
  yield* Effect.logError("Request failed", loggable(cause))
  return errorResponse(Errors.internal())
})

const isArriving = (request: HttpServerRequest.HttpServerRequest): boolean => {
  const source: unknown = request.source
  return source instanceof IncomingMessage && hasRest(source)
}

const isRouteNotFound = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      reason._tag === "Fail" &&
      HttpServerError.isHttpServerError(reason.error) &&
      reason.error.reason._tag === "RouteNotFound",
  )

/** Bodies are not decompressed, so they are refused early: otherwise the error would be about JSON or the form. */
const encoded = ({ method, headers }: HttpServerRequest.HttpServerRequest): boolean =>
  method !== "GET" &&
  method !== "HEAD" &&
  (headers["content-encoding"] ?? "")
    .split(",")
    .some((coding) => !["", "identity"].includes(coding.trim().toLowerCase()))

/** RFC 9110, 15.5.16: which encodings it would have taken. */
const notDecoded = Effect.sync(() =>
  Response.setHeader(errorResponse(Errors.unsupportedContentEncoding()), "accept-encoding", "identity"),
)

/** Gives the framework's own bare error responses the envelope. Ours are JSON already. */
const enveloped = (
  request: HttpServerRequest.HttpServerRequest,
  path: string,
  response: Response.HttpServerResponse,
): Response.HttpServerResponse => {
  if (response.status < 400 || response.headers["content-type"]?.startsWith("application/json") === true) {
    return response
  }
  switch (response.status) {
    case 404:
      return errorResponse(Errors.unknownUrl(request.method, path))
    case 413:
      return errorResponse(Errors.bodyTooLarge(maxJsonBytes))
    case 415:
      return errorResponse(
        Errors.unsupportedMediaType(
          /\/(transcriptions|translations)$/.test(path) ? "multipart/form-data" : "application/json",
        ),
      )
    default:
      return errorResponse(response.status < 500 ? Errors.malformedRequest() : Errors.internal())
  }
}

/** Runs `onDone` when the last byte of `response` is handed over, or at once when there is no stream to wait for. */
const logged = (
  response: Response.HttpServerResponse,
  headOnly: boolean,
  span: Tracer.Span | undefined,
  onDone: (bytes: number, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>,
): Effect.Effect<Response.HttpServerResponse, never, Scope.Scope> => {
  const body = response.body
  if (body._tag === "Raw" && !headOnly) {
    // One piece, written after this: the request's scope ends when it is out.
    const whole = body.contentLength ?? 0
    // Not `Effect.addFinalizer`, which copies what the request carries.
    const logging = Effect.flatMap(Effect.scope, (scope) =>
      Scope.addFinalizerExit(scope, (exit) => onDone(Exit.isSuccess(exit) ? whole : 0, exit)),
    )
    return Effect.as(logging, response)
  }
  if (body._tag !== "Stream" || headOnly) {
    const bytes = body._tag === "Uint8Array" && !headOnly ? body.contentLength : 0
    return Effect.as(onDone(bytes, Exit.void), response)
  }
  let bytes = 0
  const counted = body.stream.pipe(
    Stream.mapArray((chunks) => {
      for (const chunk of chunks) bytes += chunk.length
      return chunks
    }),
  )
  const traced = span === undefined ? counted : Stream.withSpan(counted, "http.body", { parent: span })
  const ended = Stream.onExit(traced, (exit) => onDone(bytes, exit))
  return Effect.succeed(Response.setBody(response, HttpBody.stream(ended, body.contentType, body.contentLength)))
}
