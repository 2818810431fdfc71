import { Cause, Clock, Context, Effect, Exit, LogLevel, Metric, Option, References, Tracer } from "effect"
import { type HttpServerRequest, type HttpServerResponse, HttpTraceContext } from "effect/http"
import { randomFillSync } from "node:crypto"
import { Errors } from "../contract/Errors.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { holdsSecret, withoutSecrets } from "../telemetry/Secrets.ts"
import type { Begun, Over } from "../telemetry/Traffic.ts"

/** Random bytes for the next ids: asked for one by one they cost more than all else of an id. */
const stock = Buffer.alloc(4_096)
let used = stock.length

const newId = (): string => {
  if (used === stock.length) {
    randomFillSync(stock)
    used = 0
  }
  used += 16
  return `req_${stock.toString("hex", used - 16, used)}`
}

/** The client's own id if it is a harmless token of at most 64 characters, otherwise a new one in OpenAI's style. */
export const requestId = (given: string | undefined): string =>
  given !== undefined && /^[A-Za-z0-9._:-]{1,64}$/.test(given) && !holdsSecret(given) ? given : newId()

/**
 * What became known of a request while it was answered, for its line in the log.
 *
 * @property engine what answered in the place of the engines
 * @property why what went wrong, in words for an operator
 */
export interface RequestNotes {
  readonly account?: string
  readonly key?: string
  readonly model?: string
  readonly voice?: string
  readonly engine?: string
  readonly why?: string
}

/** The notes on the request at hand; `frontDoor` puts them there. */
export const CurrentNotes = Context.Reference<{ notes: RequestNotes } | undefined>("aviary/http/RequestNotes", {
  defaultValue: () => undefined,
})

/** Clients choose names; a line of the log does not grow with them. */
const longest = 200

/** As most are that clients choose. */
const plain = /^[\w.:-]*$/

const inOneLine = (text: string): string => (plain.test(text) ? text : text.replace(/\s+/g, " ")).slice(0, longest)

/** Adds to the notes. What a client wrote is kept without keys, short, and on one line. */
export const note = (notes: RequestNotes): Effect.Effect<void> =>
  Effect.map(CurrentNotes, (current) => {
    if (current === undefined) return
    const safe: Record<string, string> = { ...current.notes }
    for (const [name, text] of Object.entries(notes)) safe[name] = inOneLine(withoutSecrets(String(text)))
    current.notes = safe
  })

/**
 * A request that is over. Times are of `elapsedMillis`.
 *
 * @property path without the query, and without keys
 * @property route as the contract writes it; absent where there is none for the path and method
 * @property answeredAt when status and headers were there
 * @property endedAt when the last byte was handed over
 * @property code that an answer in the envelope tells a client; undefined for any other answer
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
  readonly endedAt: number
  readonly response: HttpServerResponse.HttpServerResponse
  readonly code: string | undefined
  readonly notes: RequestNotes
  readonly bytes: number
  readonly exit: Exit.Exit<unknown, unknown>
}

/** Whether the client got all of the answer, and who broke it off if not. */
const endOf = ({ exit }: EndedRequest): "whole" | "client left" | "aborted" =>
  Exit.isSuccess(exit) ? "whole" : Cause.hasInterruptsOnly(exit.cause) ? "client left" : "aborted"

/** The `code` of an `EndedRequest`. */
export const codeOf = ({ body, status }: HttpServerResponse.HttpServerResponse): string | undefined => {
  if (status < 400 || body._tag !== "Uint8Array") return undefined
  try {
    return (JSON.parse(Buffer.from(body.body).toString()) as { readonly error?: { readonly code?: string } }).error
      ?.code
  } catch {
    return undefined
  }
}

/** Asked every few seconds for ever, by balancers, orchestrators and Prometheus. */
export const isAskedForEver = (path: string): boolean => /^\/(health\/|metrics$)/.test(path)

const levelOf = ({ response, path }: EndedRequest): "Debug" | "Info" | "Warn" =>
  isAskedForEver(path) ? "Debug" : response.status >= 500 ? "Warn" : "Info"

const lines = {
  Debug: Effect.logDebug("Request"),
  Info: Effect.logInfo("Request"),
  Warn: Effect.logWarning("Request"),
}

/** What failed, in words on one line: where in the code it did is no help against an engine that hangs up. */
export const whyBroken = (cause: Cause.Cause<unknown>): string =>
  withoutSecrets(
    Cause.prettyErrors(cause)
      .map(({ message, name }) => message || name)
      .join("; "),
  )

/** `cause` for the log: as text, where it repeats a key. */
export const loggable = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> | string => {
  const pretty = Cause.pretty(cause)
  return holdsSecret(pretty) ? withoutSecrets(pretty) : cause
}

/** For debugging: a request that has come, which may take minutes to be over, and who brought it. */
export const logBegun = (id: string, request: HttpServerRequest.HttpServerRequest, path: string): Effect.Effect<void> =>
  Effect.flatMap(LogLevel.isEnabled("Debug"), (isWritten) => {
    if (!isWritten) return Effect.void
    return Effect.annotateLogs(Effect.logDebug("Request begun"), {
      method: request.method,
      path,
      request_id: id,
      client: Option.getOrElse(request.remoteAddress, () => "unknown"),
      user_agent: withoutSecrets(request.headers["user-agent"] ?? ""),
    })
  })

/**
 * One line per request: who asked for what, how it ended and why, and nothing of what was said. A warning where the gateway or
 * an engine failed. The query string stays out, since clients put keys there.
 */
export const logRequest = (line: EndedRequest): Effect.Effect<void> => {
  const { code, exit } = line
  const cache = line.response.headers["x-cache"]
  const logged = Effect.annotateLogs(lines[levelOf(line)], {
    method: line.request.method,
    path: line.path,
    status: line.response.status,
    ms: Math.round(line.endedAt - line.startedAt),
    bytes: line.bytes,
    request_id: line.id,
    ...(code === undefined ? {} : { code }),
    ...line.notes,
    ...(cache === undefined ? {} : { x_cache: cache }),
    ...(Exit.isSuccess(exit) ? {} : { ended: endOf(line) }),
  })
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return logged
  const broken = Effect.annotateLogs(Effect.logWarning("Response broken off"), {
    request_id: line.id,
    why: whyBroken(exit.cause),
  })
  return Effect.andThen(logged, broken)
}

/** Paths that no route answers are one: scanners must not make a series each. */
const noRoute = "none"

const transcriptionRoute = "/v1/audio/transcriptions"

/** Makes the counter of every error code exist at 0. */
export const startErrorCounters = Effect.forEach(
  new Set(Object.values(Errors).map(({ description }) => description.code)),
  (code) => Metric.update(Metric.withAttributes(Metrics.errors, { code }), 0),
  { discard: true },
)

/** The series that requests of one route with one end are counted in. */
const seriesFor = (method: string, route: string, status: number, ended: string, cache: string | undefined) => ({
  requests: Metrics.seriesOf(Metrics.httpRequests, { method, route, status: String(status), ended }),
  seconds: Metrics.seriesOf(Metrics.httpSeconds, { route }),
  bytes: Metrics.seriesOf(Metrics.httpBytes, { route }),
  ...(method === "POST" && route === transcriptionRoute && status < 400
    ? { transcriptions: Metrics.seriesOf(Metrics.transcriptions, { ended }) }
    : {}),
  ...(method === "POST" && cache !== undefined
    ? {
        speeches: Metrics.seriesOf(Metrics.speeches, { cache, ended }),
        firstAudio: Metrics.seriesOf(Metrics.firstAudioSeconds, { cache }),
      }
    : {}),
})

/** By what they are made of, of which each is one of a few. */
const known = new Map<string, ReturnType<typeof seriesFor>>()

/** Counts a request that is over, in the metrics of `context`. */
export const countRequest = (line: EndedRequest, context: Context.Context<never>): void => {
  const { code, request, response, route = noRoute } = line
  const { method } = request
  const ended = endOf(line)
  const cache = response.headers["x-cache"]
  const name = `${method} ${route} ${response.status} ${ended} ${cache}`
  let series = known.get(name)
  if (series === undefined) known.set(name, (series = seriesFor(method, route, response.status, ended, cache)))
  series.requests.updateUnsafe(1, context)
  series.seconds.updateUnsafe((line.endedAt - line.startedAt) / 1_000, context)
  series.bytes.updateUnsafe(line.bytes, context)
  series.transcriptions?.updateUnsafe(1, context)
  series.speeches?.updateUnsafe(1, context)
  series.firstAudio?.updateUnsafe((line.answeredAt - line.startedAt) / 1_000, context)
  if (code !== undefined) Metrics.seriesOf(Metrics.errors, { code }).updateUnsafe(1, context)
}

/**
 * The span of a request from its head to the last byte of its answer; the framework's own ends when a streamed answer begins. It goes
 * on in the trace of a client's `traceparent`. Undefined where nothing is traced.
 */
export const beginSpan = (
  request: HttpServerRequest.HttpServerRequest,
  path: string,
  route: string | undefined,
): Effect.Effect<Tracer.Span | undefined> =>
  Effect.withFiber((fiber) => {
    // A client put its key into the path.
    if (!fiber.getRef(References.TracerEnabled) || holdsSecret(request.url)) return Effect.succeed(undefined)
    const parent = HttpTraceContext.fromHeaders(request.headers)
    return Effect.makeSpan(route === undefined ? request.method : `${request.method} ${route}`, {
      kind: "server",
      ...(Option.isSome(parent) ? { parent: parent.value } : { root: true }),
      attributes: {
        "http.request.method": request.method,
        "url.path": path,
        "url.scheme": "http",
        ...(route === undefined ? {} : { "http.route": route }),
        ...(request.headers["user-agent"] === undefined
          ? {}
          : { "user_agent.original": withoutSecrets(request.headers["user-agent"]).slice(0, 200) }),
      },
    })
  })

/** Ends it with what became of the request; never with a text, a key or the name of a file. */
export const endSpan = (span: Tracer.Span | undefined, line: EndedRequest): Effect.Effect<void> => {
  if (span?.sampled !== true) return Effect.void
  return Effect.map(Clock.currentTimeNanos, (now) => {
    const { code, notes, response } = line
    const cache = response.headers["x-cache"]
    const ended = endOf(line)
    const seconds = Number(span.attributes.get("aviary.audio_seconds"))
    const attributes: Record<string, unknown> = {
      "http.response.status_code": response.status,
      "http.response.body.size": line.bytes,
      "aviary.request_id": line.id,
      "aviary.ended": ended,
      ...(cache === undefined
        ? {}
        : { "aviary.cache": cache, "aviary.first_audio_seconds": (line.answeredAt - line.startedAt) / 1_000 }),
      // How much of its audio's time the whole request took.
      ...(seconds > 0 ? { "aviary.real_time_factor": (line.endedAt - line.startedAt) / 1_000 / seconds } : {}),
      ...(code === undefined ? {} : { "error.type": code }),
      ...(notes.model === undefined ? {} : { "gen_ai.request.model": notes.model }),
      ...(notes.account === undefined ? {} : { "aviary.account": notes.account }),
    }
    for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
    // As OpenTelemetry has it, what the client did wrong is no error of the server's.
    const wrong = response.status >= 500 || ended === "aborted"
    span.end(now, wrong ? Exit.fail(code ?? ended) : Exit.void)
  })
}

/** Clients' requests, and what no route answers; not the questions of balancers, Prometheus and the console itself. */
const isShown = (path: string): boolean => !/^\/($|health\/|metrics$|docs$|openapi\.json$|console\/|admin\/)/.test(path)

const kinds: Readonly<Record<string, Over["kind"]>> = {
  "POST /v1/audio/speech": "speech",
  "POST /v1/audio/transcriptions": "transcription",
}

interface Come extends Pick<EndedRequest, "id" | "path" | "route"> {
  readonly method: string
  readonly noted: { readonly notes: RequestNotes }
}

/** Tells `watch` of a request that has come; gives what to call once it is over, or nothing where it is of no interest. */
export const begunRequest = (
  watch: (request: Begun) => (over: Over) => void,
  { id, method, noted, path, route = "none" }: Come,
) => {
  if (!isShown(path)) return undefined
  const end = watch({
    id,
    method,
    route,
    notes: () => {
      const { account, key, model, voice } = noted.notes
      return { account, key, model, voice }
    },
  })
  return (line: EndedRequest): void => {
    const { answeredAt, code, endedAt, exit, notes, response, startedAt } = line
    const cache = response.headers["x-cache"]
    const broken = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? whyBroken(exit.cause) : undefined
    const why = notes.why ?? broken
    end({
      kind: kinds[`${method} ${route}`] ?? "other",
      status: response.status,
      ended: endOf(line),
      ...(code === undefined ? {} : { code }),
      ...(why === undefined ? {} : { why: why.slice(0, 400) }),
      ...(cache === undefined ? {} : { cache }),
      firstMillis: Math.round(answeredAt - startedAt),
      millis: Math.round(endedAt - startedAt),
      bytes: line.bytes,
    })
  }
}
