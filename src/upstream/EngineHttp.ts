import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Clock, Duration, Effect, Option, Redacted, type Scope, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { Duplex } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import type { Settings } from "../Settings.ts"
import { keepSecret } from "../telemetry/Secrets.ts"
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
  const dispatcher = yield* NodeHttpClient.makeDispatcherOptions({
    connect: { timeout: connectMillis },
    // One connection per call. A kept-alive one can be closed by the engine just as a call is written to it, which looks
    // like a dead engine and must not be repeated: the call may be what killed it.
    pipelining: 0,
  })
  const base = withoutCredentials(baseUrl).href.replace(/\/+(v1\/*)?$/, "")
  const headers = { "accept-encoding": "identity", ...(authorization !== undefined && { authorization }) }
  const http = (yield* NodeHttpClient.makeUndici.pipe(
    Effect.provideService(NodeHttpClient.Dispatcher, dispatcher),
  )).pipe(
    HttpClient.mapRequest((request) =>
      HttpClientRequest.setHeaders(HttpClientRequest.prependUrl(request, base), headers),
    ),
    HttpClient.withScope,
  )

  const call: EngineHttp["call"] = Effect.fnUntraced(function* (request, clocks) {
    const within = yield* startClocks(clocks)
    const response = yield* http.execute(request).pipe(
      Effect.mapError((error) => transportFailure(error.reason.cause, false, connectMillis)),
      within("first byte"),
    )
    const raw = Stream.transformPull(
      Stream.mapError(response.stream, (error) => transportFailure(error.reason.cause, true, connectMillis)),
      (pull) => Effect.succeed(within("idle")(pull)),
    )
    const body = yield* uncompressed(response, raw)
    if (response.status >= 200 && response.status < 300) return accepted(response, body)
    return yield* Effect.flatMap(readBounded(body, errorBodyLimit), (text) => rejection(response, text))
  })
  return { call }
})

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
}

/** Undoes what an engine, or a proxy before it, has compressed though it was asked not to: else it would be played as noise. */
const uncompressed = (
  response: HttpClientResponse.HttpClientResponse,
  body: EngineAnswer["body"],
): Effect.Effect<EngineAnswer["body"], EngineMalformed> => {
  const encoding = (response.headers["content-encoding"] ?? "identity").trim().toLowerCase()
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

/** Runs `wait` within the clock of its phase and what is left of the total. It counts only while the engine is waited for. */
const startClocks = Effect.fnUntraced(function* (clocks: CallClocks) {
  const clock = yield* Clock.Clock
  const start = clock.monotonicTimeNanosUnsafe()
  const totalMillis = Duration.toMillis(clocks.total)
  return (phase: Phase) =>
    <A, E, R>(wait: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => {
        const spent = Number(clock.monotonicTimeNanosUnsafe() - start) / 1e6
        const left = Math.max(0, totalMillis - spent)
        const limit = Duration.toMillis(phase === "idle" ? clocks.idle : clocks.firstByte)
        // Made when it is time: it takes a stack trace.
        const timedOut = () =>
          limit < left
            ? new EngineTimedOut({ phase, afterMillis: limit })
            : new EngineTimedOut({ phase: "total", afterMillis: totalMillis })
        return Effect.timeoutOrElse(wait, { duration: Math.min(limit, left), orElse: () => Effect.fail(timedOut()) })
      })
})

const mediaTypeOf = (response: HttpClientResponse.HttpClientResponse) =>
  (response.headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase()

const sampleRateOf = (response: HttpClientResponse.HttpClientResponse) => {
  const said = /;\s*rate=(\d{4,6})\b/i.exec(response.headers["content-type"] ?? "")?.[1]
  return said === undefined ? undefined : Number(said)
}

const accepted = (response: HttpClientResponse.HttpClientResponse, body: EngineAnswer["body"]): EngineAnswer => ({
  mediaType: mediaTypeOf(response),
  sampleRate: sampleRateOf(response),
  bounded: "content-length" in response.headers || (response.headers["transfer-encoding"] ?? "").includes("chunked"),
  body,
})

// A 503 from a NIM means that it is loading, unless it says something else.
const notLoading = /cuda|cublas|cudnn|unhealthy|exhausted|overload|capacity|busy|too many|queue|quota/i

const rejection = (
  response: HttpClientResponse.HttpClientResponse,
  body: string,
): Effect.Effect<never, EngineFailure> => {
  const { status } = response
  if (status < 400) {
    const location = response.headers["location"]
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
