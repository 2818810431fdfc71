import { Cause, Effect, Exit, LogLevel, Option } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { holdsSecret, withoutSecrets } from "../telemetry/Secrets.ts"
import type { RequestNotes } from "./RequestNotes.ts"

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
export const endOf = ({ exit }: EndedRequest): "whole" | "client left" | "aborted" =>
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
const asked = /^\/(health\/|metrics$)/

const levelOf = ({ response, path }: EndedRequest): "Debug" | "Info" | "Warn" =>
  asked.test(path) ? "Debug" : response.status >= 500 ? "Warn" : "Info"

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
