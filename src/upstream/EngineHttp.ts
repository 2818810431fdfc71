import * as NodeStream from "@effect/platform-node/NodeStream"
import { Cause, Context, Duration, Effect, Option, Redacted, References, type Scope, Stream, Tracer } from "effect"
import { type HttpBody, HttpClientRequest, HttpTraceContext } from "effect/http"
import { type Duplex, Readable } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import type { Settings } from "../Settings.ts"
import { type Deadlines, makeDeadlines } from "../telemetry/Deadlines.ts"
import { keepSecret } from "../telemetry/Secrets.ts"
import { isTraced } from "../telemetry/Spans.ts"
import { type Asked, type Exchange, makeEngineConnections } from "./EngineConnections.ts"
import { errorBodyLimit, errorBodyMessage } from "./EngineErrorBody.ts"
import {
  EngineCut,
  type EngineFailure,
  EngineLoading,
  EngineMalformed,
  EngineRejected,
  EngineTimedOut,
} from "./EngineFailure.ts"
import { authorizationOf, withoutCredentials } from "./EngineUrl.ts"
import { transportFailure } from "./TransportFailure.ts"

/** How long one call may take: to its answer's head, between two pieces of the answer, and altogether. */
export interface CallClocks {
  readonly firstByte: Duration.Duration
  readonly idle: Duration.Duration
  readonly total: Duration.Duration
}

/**
 * A 2xx answer whose head has arrived.
 *
 * @property mediaType without parameters, lower case; empty where the engine names none
 * @property sampleRate Hz, where the media type says it
 * @property bounded whether the end of the body can be told from a broken connection
 * @property body ends only when the engine ended it; to be read once
 */
export interface EngineAnswer {
  readonly mediaType: string
  readonly sampleRate: number | undefined
  readonly bounded: boolean
  readonly body: Stream.Stream<Uint8Array, EngineFailure>
}

/**
 * HTTP to one engine.
 *
 * - `call`: fails on any answer that is not 2xx. The connection is closed with the scope.
 */
export interface EngineHttp {
  readonly call: (
    request: HttpClientRequest.HttpClientRequest,
    clocks: CallClocks,
  ) => Effect.Effect<EngineAnswer, EngineFailure, Scope.Scope>
}

/** In characters; `none` and `dummy` are what servers without keys are given. */
const shortestSecret = 8

/**
 * HTTP to the engine at `baseUrl`; request URLs are paths below it. A `/v1` at its end, pasted by habit, is dropped. A name
 * and password in it are sent as basic authorization, and are part of no URL from here on: URLs get into messages. With `key` it is
 * sent instead, as a bearer token.
 */
export const makeEngineHttp = Effect.fnUntraced(function* (
  baseUrl: URL,
  settings: Pick<Settings["Service"], "connectTimeout">,
  key?: Redacted.Redacted,
): Effect.fn.Return<EngineHttp, never, Scope.Scope> {
  const connectMillis = Duration.toMillis(settings.connectTimeout)
  const authorization = key === undefined ? authorizationOf(baseUrl) : `Bearer ${Redacted.value(key)}`
  // Engines repeat a key that they refuse. A short one is no secret, and hiding it would blot out words.
  if (key !== undefined && Redacted.value(key).length >= shortestSecret) keepSecret(Redacted.value(key))
  const base = new URL(withoutCredentials(baseUrl).href.replace(/\/+(v1\/*)?$/, ""))
  const connections = yield* makeEngineConnections(base.origin, connectMillis)
  const deadlines = yield* makeDeadlines
  const headers = { "accept-encoding": "identity", ...(authorization !== undefined && { authorization }) }
  const below = base.pathname === "/" ? "" : base.pathname

  const failureOf = (ended: NonNullable<ReturnType<Exchange["ended"]>>, began: boolean): EngineFailure => {
    const error = ended === "whole" ? new Error("it ended before it had begun") : ended.error
    return error instanceof EngineTimedOut ? error : transportFailure(error, began, connectMillis)
  }

  const ask = (request: HttpClientRequest.HttpClientRequest, { wait, watch }: Clocks, traceHeaders: Headers) => {
    const head = (exchange: Exchange): Effect.Effect<Exchange, EngineFailure> =>
      Effect.suspend(() => {
        if (exchange.status() !== undefined) return Effect.succeed(exchange)
        const ended = exchange.ended()
        if (ended !== undefined) return Effect.fail(failureOf(ended, false))
        return Effect.andThen(wait(exchange, "first byte"), head(exchange))
      })
    const asked = {
      method: request.method,
      path: below + request.url,
      headers: { ...request.headers, ...headers, ...traceHeaders },
      body: bodyOf(request.body),
    }
    return Effect.flatMap(connections(asked, watch), head)
  }

  const answered = (exchange: Exchange, { wait }: Clocks) => {
    const more: Effect.Effect<Pieces, EngineFailure | Cause.Done> = Effect.suspend(() => {
      const pieces = exchange.take()
      if (pieces !== undefined) return Effect.succeed(pieces)
      const ended = exchange.ended()
      if (ended === undefined) return Effect.andThen(wait(exchange, "idle"), more)
      return ended === "whole" ? Cause.done() : Effect.fail(failureOf(ended, true))
    })
    const answer = { status: exchange.status()!, header: exchange.header }
    return Effect.flatMap(uncompressed(answer, Stream.fromPull(Effect.succeed(more))), (body) =>
      answer.status >= 200 && answer.status < 300
        ? Effect.succeed(accepted(answer, body))
        : Effect.flatMap(readBounded(body, errorBodyLimit), (text) => rejection(answer, text)),
    )
  }

  const call: EngineHttp["call"] = (request, clocks) =>
    Effect.suspend(() => {
      const started = startClocks(deadlines, clocks)
      return Effect.flatMap(
        inClientSpan(request.method, base, (traceHeaders) => ask(request, started, traceHeaders)),
        (exchange) => answered(exchange, started),
      )
    })
  return { call }
})

type Pieces = readonly [Uint8Array, ...Array<Uint8Array>]
type Headers = Readonly<Record<string, string>>
type Clocks = ReturnType<typeof startClocks>

/** The head of an answer. */
type Answered = Pick<Exchange, "header"> & { readonly status: number }

/** Of the request that the call is for, which is not sampled, where it has a span. */
const traceHeadersOf = (context: Context.Context<never>): Headers => {
  const span = Context.getOption(context, Tracer.ParentSpan)
  return Option.isSome(span) && span.value._tag === "Span" ? HttpTraceContext.toHeaders(span.value) : {}
}

/**
 * Runs `ask` in a span, which the engine is told of, where traces are collected. Of a request that is not sampled it is told, too: it is not to
 * sample it, either. Where nothing is traced a span that is there all the same has ids that are none.
 */
const inClientSpan = <E, R>(
  method: string,
  { hostname, port }: URL,
  ask: (traceHeaders: Headers) => Effect.Effect<Exchange, E, R>,
) =>
  Effect.withFiber<Exchange, E, R>((fiber) => {
    if (!isTraced(fiber)) return ask(fiber.getRef(References.TracerEnabled) ? traceHeadersOf(fiber.context) : {})
    const attributes = { "http.request.method": method, "server.address": hostname, "server.port": Number(port) }
    return Effect.useSpan(method, { kind: "client", attributes }, (span) =>
      Effect.tap(ask(HttpTraceContext.toHeaders(span)), (exchange) =>
        Effect.sync(() => span.attribute("http.response.status_code", exchange.status())),
      ),
    )
  })

/** What is sent: bytes, or what `recordingForm` made. */
const bodyOf = (body: HttpBody.HttpBody): Asked["body"] =>
  body._tag === "Uint8Array" ? body.body : body._tag === "Raw" && body.body instanceof Readable ? body.body : null

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
}

/** Undoes what an engine, or a proxy before it, has compressed though it was asked not to: else it would be played as noise. */
const uncompressed = (
  { header }: Answered,
  body: EngineAnswer["body"],
): Effect.Effect<EngineAnswer["body"], EngineMalformed> => {
  const encoding = (header("content-encoding") ?? "identity").trim().toLowerCase()
  if (encoding === "identity" || encoding === "") return Effect.succeed(body)
  const decoder = decoders[encoding]
  if (decoder === undefined)
    return Effect.fail(new EngineMalformed({ message: `answered in the content-encoding ${encoding.slice(0, 50)}` }))
  return Effect.succeed(
    NodeStream.pipeThroughDuplex(body, {
      evaluate: decoder,
      onError: (error): EngineFailure =>
        new EngineCut({
          message: `its ${encoding} answer cannot be read: ${error instanceof Error ? error.message : ""}`,
        }),
    }),
  )
}

type Phase = "first byte" | "idle"

/** Waits for news of a call that is waited for no longer than `clocks` say. It counts only while the engine is waited for. */
const startClocks = ({ add, now }: Deadlines, clocks: CallClocks) => {
  const limits = { "first byte": Duration.toMillis(clocks.firstByte), idle: Duration.toMillis(clocks.idle) }
  const shortest = Math.min(limits["first byte"], limits.idle)
  const totalMillis = Duration.toMillis(clocks.total)
  const end = now() + totalMillis
  let waiting: { readonly phase: Phase; readonly since: number } | undefined

  /** Looks when the time of what is waited for would be over. */
  const watch = (exchange: Exchange) =>
    add({
      at: Math.min(now() + shortest, end),
      look: (at) => {
        if (waiting === undefined) return at < end ? Math.min(at + shortest, end) : at + shortest
        const { phase, since } = waiting
        const until = since + limits[phase]
        // What is waited for next may have less time than what is waited for now.
        if (at < Math.min(until, end)) return Math.min(until, at + shortest, end)
        exchange.breakOff(
          until < end
            ? new EngineTimedOut({ phase, afterMillis: limits[phase] })
            : new EngineTimedOut({ phase: "total", afterMillis: totalMillis }),
        )
        return undefined
      },
    })

  const wait = (exchange: Exchange, phase: Phase) =>
    Effect.suspend(() => {
      waiting = { phase, since: now() }
      return Effect.map(exchange.change, () => {
        waiting = undefined
      })
    })
  return { watch, wait }
}

const mediaTypeOf = ({ header }: Answered) => (header("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase()

const sampleRateOf = ({ header }: Answered) => {
  const said = /;\s*rate=(\d{4,6})\b/i.exec(header("content-type") ?? "")?.[1]
  return said === undefined ? undefined : Number(said)
}

const accepted = (answer: Answered, body: EngineAnswer["body"]): EngineAnswer => ({
  mediaType: mediaTypeOf(answer),
  sampleRate: sampleRateOf(answer),
  bounded:
    answer.header("content-length") !== undefined || (answer.header("transfer-encoding") ?? "").includes("chunked"),
  body,
})

// A 503 from a NIM means that it is loading, unless it says something else.
const notLoading = /cuda|cublas|cudnn|unhealthy|exhausted|overload|capacity|busy|too many|queue|quota/i

const rejection = ({ header, status }: Answered, body: string): Effect.Effect<never, EngineFailure> => {
  if (status < 400) {
    const location = header("location")
    return Effect.fail(
      new EngineMalformed({
        message: `answered ${status}${location === undefined ? "" : `, a redirect to ${location}`}`,
      }),
    )
  }
  const message = errorBodyMessage(body) || `answered ${status}`
  return Effect.fail(
    status === 503 && !notLoading.test(body)
      ? new EngineLoading({ message })
      : new EngineRejected({ status, message, body }),
  )
}

/** At most `limit` bytes of `body` as text; what arrived, if it breaks off. */
const readBounded = Effect.fnUntraced(function* (body: EngineAnswer["body"], limit: number) {
  let text = ""
  let size = 0
  const decoder = new TextDecoder()
  yield* Stream.takeUntil(body, (bytes) => {
    const taken = bytes.subarray(0, limit - size)
    size += taken.length
    text += decoder.decode(taken, { stream: true })
    return size >= limit
  }).pipe(Stream.runDrain, Effect.timeoutOption("5 seconds"), Effect.ignore)
  return text
})

/** All of `body` as text; malformed above `limit` bytes. */
export const readWhole = Effect.fnUntraced(function* (body: EngineAnswer["body"], limit: number) {
  const parts: Array<Uint8Array> = []
  let size = 0
  yield* Stream.runForEach(body, (bytes) => {
    size += bytes.length
    parts.push(bytes)
    return size > limit
      ? Effect.fail(new EngineMalformed({ message: `its answer is longer than ${limit} bytes` }))
      : Effect.void
  })
  return Buffer.concat(parts).toString("utf8")
})

/** Whether an answer is text where audio was asked for: error pages and JSON errors come under a good status, too. */
export const isText = ({ mediaType }: EngineAnswer) =>
  mediaType.startsWith("text/") || /[/+](json|xml)$/.test(mediaType)

/** What a 200 that is no answer says: error pages and JSON errors under a good status. */
export const unexpectedAnswer = (answer: EngineAnswer, wanted: string) =>
  Effect.flatMap(readBounded(answer.body, errorBodyLimit), (text) =>
    Effect.fail(
      new EngineMalformed({ message: `answered ${answer.mediaType} instead of ${wanted}: ${errorBodyMessage(text)}` }),
    ),
  )

/** Where a NIM says that it is ready, and open-source servers that speak as it does: they know only `/health` or `/healthz`. */
const nimReady = ["/v1/health/ready", "/health", "/healthz"]

/** The engine says that it takes calls, on the first of `paths` that it knows. By status alone: bodies differ from version to version. */
export const readiness = Effect.fnUntraced(function* (
  http: EngineHttp,
  timeout: Duration.Duration,
  paths: ReadonlyArray<string> = nimReady,
) {
  const clocks = { firstByte: timeout, idle: timeout, total: timeout }
  const ask = (path: string) =>
    Effect.scoped(http.call(HttpClientRequest.get(path), clocks)).pipe(
      Effect.as(Option.none<EngineRejected>()),
      Effect.catchTag("EngineRejected", (rejected) =>
        rejected.status === 404 || rejected.status === 405 ? Effect.succeedSome(rejected) : Effect.fail(rejected),
      ),
    )
  let missing = Option.none<EngineRejected>()
  for (const path of paths) {
    missing = yield* ask(path)
    if (Option.isNone(missing)) return
  }
  if (Option.isSome(missing)) return yield* missing.value
})
