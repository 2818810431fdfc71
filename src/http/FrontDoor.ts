import { Cause, Clock, Context, Effect, Exit, LogLevel, Option, References, Scope, Stream, type Tracer } from "effect"
import { type Headers, HttpBody, HttpServerError, HttpServerRequest, HttpServerResponse as Response } from "effect/http"
import { IncomingMessage } from "node:http"
import type { ApiError } from "../contract/ApiError.ts"
import type { BrowserRules } from "./access/BrowserRules.ts"
import { millisOf } from "../telemetry/Elapsed.ts"
import { causeFault, errorResponse, maxJsonBytes } from "./ErrorAnswers.ts"
import { Errors } from "../contract/Errors.ts"
import type { KnownRoutes } from "./KnownRoutes.ts"
import { hasRest } from "./connection/NodeResponse.ts"
import { surplusFault } from "./connection/UnderWay.ts"
import { whenOver } from "./RequestContext.ts"
import {
  beginSpan,
  begunRequest,
  codeOf,
  countRequest,
  CurrentNotes,
  type EndedRequest,
  endSpan,
  isAskedForEver,
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
 *
 * @param appOf what answers a method and route
 */
export const frontDoor = (
  appOf: (method: string, route: string | undefined) => App,
  known: KnownRoutes["Service"],
  rules: BrowserRules,
  watch: Traffic["Service"]["begin"],
) =>
  Effect.contextWith((context: Context.Context<HttpServerRequest.HttpServerRequest | Scope.Scope>) => {
    const request = Context.get(context, HttpServerRequest.HttpServerRequest)
    readStrictly(request)
    const clock = Context.get(context, Clock.Clock)
    const come: Come = {
      request,
      clock,
      startedAt: millisOf(clock),
      id: requestId(request.headers["x-request-id"]),
      path: withoutSecrets(request.url.split("?", 1)[0]!),
      route: known.routeOf(request.method, request.url),
      noted: { notes: {} },
    }
    const { id, path, route, noted } = come
    const watched = watch && begunRequest(watch, { id, method: request.method, path, route, noted })

    const refused = Option.orElse(surplus(request, path) ?? hostFault(request), () => rules.refusal(request))
    const answer = Option.isSome(refused)
      ? Effect.succeed(errorResponse(refused.value))
      : route !== undefined && encoded(request)
        ? notDecoded
        : appOf(request.method, route)
    const answered = rules.shared(request, answer).pipe(
      Effect.matchCauseEffect({
        onSuccess: (response) => Effect.succeed(enveloped(request, path, response)),
        onFailure: (cause) => failed(cause, request, path, known.methodsOf),
      }),
      Effect.updateContext((inner: typeof context) => {
        const annotations = { ...Context.get(inner, References.CurrentLogAnnotations), request_id: id }
        return Context.add(Context.add(inner, CurrentNotes, noted), References.CurrentLogAnnotations, annotations)
      }),
    )
    if (!isLookedAt(context)) return Effect.flatMap(answered, (response) => sent(come, response, undefined, watched))
    return Effect.flatMap(Effect.andThen(logBegun(id, request, path), beginSpan(request, path, route)), (span) =>
      Effect.flatMap(
        span === undefined ? answered : Effect.withParentSpan(answered, span, { captureStackTrace: false }),
        (response) => sent(come, response, span, watched),
      ),
    )
  })

/** A request as it has come. */
interface Come extends Pick<EndedRequest, "id" | "path" | "route" | "startedAt" | "request"> {
  readonly clock: Clock.Clock
  readonly noted: { notes: RequestNotes }
}

/** Whether more is made of requests than their line: where they are traced, or are told of when they have come. */
const isLookedAt = (context: Context.Context<never>): boolean =>
  Context.get(context, References.TracerEnabled) ||
  !LogLevel.isGreaterThan(Context.get(context, References.MinimumLogLevel), "Debug")

/** Sends the response on its way, and records the request once it is there. */
const sent = (
  come: Come,
  response: Response.HttpServerResponse,
  span: Tracer.Span | undefined,
  watched: ReturnType<typeof begunRequest>,
): Effect.Effect<Response.HttpServerResponse, never, Scope.Scope> => {
  const { clock, id, noted, path, request, route, startedAt } = come
  const leave = () => {
    const answeredAt = millisOf(clock)
    const headed = secured(response, {
      "x-request-id": id,
      "openai-processing-ms": String(Math.round(answeredAt - startedAt)),
    })
    return logged(headed, request.method === "HEAD", span, (bytes, exit) =>
      Effect.contextWith((context: Context.Context<never>) => {
        const times = { startedAt, answeredAt, endedAt: millisOf(clock) }
        const answered = { response: headed, code: codeOf(headed), notes: noted.notes, bytes, exit }
        const line = { id, request, path, route, ...times, ...answered }
        watched?.(line)
        countRequest(line, context)
        return span === undefined ? logRequest(line) : Effect.andThen(logRequest(line), endSpan(span, line))
      }),
    )
  }
  // A small body is often here already, unless its request was handled before the parser came to it.
  return isArriving(request) ? Effect.andThen(Effect.yieldNow, Effect.suspend(leave)) : leave()
}

/** Who asks for the gateway's health is told it also while there is no room for more. */
const surplus = (
  { source }: HttpServerRequest.HttpServerRequest,
  path: string,
): Option.Option<ApiError> | undefined => {
  const fault = surplusFault(source)
  return fault === undefined || isAskedForEver(path) ? undefined : Option.some(fault)
}

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

const decode = (bytes: ArrayBuffer | Uint8Array): Effect.Effect<string> => {
  try {
    return Effect.succeed(utf8.decode(bytes))
  } catch {
    return Effect.die(Errors.invalidUtf8())
  }
}

/** The text of a body, as soon as it is there. The framework's way to it is a cached effect and an end that is seen a turn later. */
const textOf = (source: IncomingMessage): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const pieces: Array<Buffer> = []
    let bytes = 0
    const over = (text: Effect.Effect<string>) => {
      source.off("data", onData).off("end", onEnd).off("close", onClose)
      resume(text)
    }
    const onEnd = () => over(decode(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)))
    const onClose = () => over(Effect.die(Errors.malformedRequest()))
    const onData = (piece: Buffer) => {
      bytes += piece.length
      // What still comes is dropped.
      if (bytes > maxJsonBytes) return over(Effect.die(Errors.bodyTooLarge(maxJsonBytes)))
      pieces.push(piece)
    }
    if (source.destroyed) return onClose()
    source.on("data", onData).on("end", onEnd).on("close", onClose)
    return Effect.sync(() => over(Effect.never))
  })

/**
 * From now on the text of `request` has to be UTF-8. The framework puts U+FFFD in the place of bytes that are not, and a voice would
 * speak it. RFC 8259, 8.1: JSON is UTF-8. The error is a defect where the framework reads the text, and has its place in
 * the catalogue all the same.
 */
const readStrictly = (request: HttpServerRequest.HttpServerRequest): void => {
  const source: unknown = request.source
  // Who waits to be told to go on is told by the framework alone.
  const isOwn = source instanceof IncomingMessage && source.headers.expect === undefined
  const text = isOwn
    ? textOf(source)
    : Effect.flatMap(
        Effect.suspend(() => request.arrayBuffer),
        decode,
      )
  // The request's own: an object with the request as its prototype is slow at everything.
  Object.defineProperty(request, "text", { value: text })
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

type Done = (bytes: number, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>

/** Counts the bytes of `stream`, and runs `onDone` at its end: `Stream.onExit` makes a generator function for each, see `makeFlight`. */
const counted = <E>(stream: Stream.Stream<Uint8Array, E>, onBegin: () => void, onDone: Done) =>
  Stream.transformPull(stream, (pull, scope) => {
    onBegin()
    let bytes = 0
    const count = Effect.map(pull, (chunks) => {
      for (const chunk of chunks) bytes += chunk.length
      return chunks
    })
    return Effect.as(
      Scope.addFinalizerExit(scope, (exit) => onDone(bytes, exit)),
      count,
    )
  })

/** Runs `onDone` when the last byte of `response` is handed over, or at once when there is no stream to wait for. */
const logged = (
  response: Response.HttpServerResponse,
  headOnly: boolean,
  span: Tracer.Span | undefined,
  onDone: Done,
): Effect.Effect<Response.HttpServerResponse, never, Scope.Scope> => {
  const body = response.body
  if (body._tag === "Raw" && !headOnly) {
    // One piece, written after this: the request's scope ends when it is out.
    const whole = body.contentLength ?? 0
    return whenOver((exit) => onDone(Exit.isSuccess(exit) ? whole : 0, exit), response)
  }
  if (body._tag !== "Stream" || headOnly) {
    const bytes = body._tag === "Uint8Array" && !headOnly ? body.contentLength : 0
    return Effect.as(onDone(bytes, Exit.void), response)
  }
  const traced = span?.sampled !== true ? body.stream : Stream.withSpan(body.stream, "http.body", { parent: span })
  let hasBegun = false
  const told = counted(traced, () => void (hasBegun = true), onDone)
  // Nothing asks for the stream where the connection is gone by the time that the answer is there.
  return whenOver(
    (exit) => (hasBegun ? Effect.void : onDone(0, Exit.isSuccess(exit) ? Exit.interrupt() : exit)),
    Response.setBody(response, HttpBody.stream(told, body.contentType, body.contentLength)),
  )
}
