import { Clock, Effect, Exit, Option, References, Tracer } from "effect"
import { type HttpServerRequest, HttpTraceContext } from "effect/http"
import { holdsSecret, withoutSecrets } from "../telemetry/Secrets.ts"
import { endOf, type EndedRequest } from "./RequestLog.ts"

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
  if (span === undefined) return Effect.void
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
