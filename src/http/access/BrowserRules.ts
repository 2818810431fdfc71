import { Effect, Option } from "effect"
import { HttpMiddleware, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"
import { isLoopback, Settings } from "../../Settings.ts"

type Request = HttpServerRequest.HttpServerRequest

/** `host` without its port, in lower case and without a trailing dot; the brackets of an IPv6 address are gone. */
const hostname = (host: string): string => {
  const name = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, "")
  return name.toLowerCase().replace(/\.$/, "")
}

/** Names that no DNS server answers for: a page cannot have them point to this machine. RFC 6761, 6.3 has `*.localhost`. */
const isOwnName = (name: string): boolean =>
  isLoopback(name) || name.endsWith(".localhost") || name === "::ffff:127.0.0.1"

const exposedHeaders = [
  "content-location",
  "etag",
  "openai-processing-ms",
  "retry-after",
  "x-aviary-engine",
  "x-aviary-spoken",
  "x-cache",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
  "x-request-id",
  "x-should-retry",
  "x-unheard-speech-ms",
]

/**
 * What web pages may do with the gateway. A browser sends requests to any address on behalf of any page; with open access
 * nothing else would stand in a page's way. Scripts and SDKs send no `Origin` and notice nothing.
 *
 * - By the name it is called by: listening on loopback with open access, only loopback names and `AVIARY_HOSTS` are served. A
 *   page can let a name of its own point to 127.0.0.1 and then counts as of the same origin (DNS rebinding).
 * - By its origin: with open access, a page of another origin is refused unless `AVIARY_CORS_ORIGINS` names it.
 * - A page labels JSON as JSON: without a label browsers ask nobody before they send it.
 *
 * @param listens whether requests come from the socket of `AVIARY_HOST`; a program with a server of its own checks names itself
 */
export const makeBrowserRules = ({ listens }: { readonly listens: boolean }) =>
  Effect.map(Settings, ({ access, corsOrigins, host: listensOn, hosts }) => {
    const namesMatter = hosts.length > 0 || (listens && access === "open" && isLoopback(listensOn))
    const known = new Set(hosts.map(hostname))
    const allowed = new Set(corsOrigins)

    const isOwn = (origin: string, host: string | undefined): boolean => {
      const url = URL.parse(origin)
      return url !== null && (url.host === host?.toLowerCase() || known.has(hostname(url.host)))
    }

    /** Why a request is refused before anything is done for it; nothing if it is not. */
    const refusal = ({ method, headers }: Request): Option.Option<ApiError> => {
      const { host, origin } = headers
      if (namesMatter && host !== undefined) {
        const name = hostname(host)
        if (!isOwnName(name) && !known.has(name)) return Option.some(Errors.hostNotAllowed(name))
      }
      // Browsers name the origin of all but reads; one that hides it is no page of ours.
      const reads = method === "GET" || method === "HEAD"
      const hidden = origin === undefined && headers["sec-fetch-site"] === "cross-site" && !reads
      if (access === "open" && (hidden || (origin !== undefined && !allowed.has(origin) && !isOwn(origin, host)))) {
        return Option.some(Errors.originNotAllowed(origin ?? "null"))
      }
      const fromPage = origin !== undefined || headers["sec-fetch-site"] === "cross-site"
      return fromPage && unlabelled(headers)
        ? Option.some(Errors.unsupportedMediaType("application/json"))
        : Option.none()
    }

    const answersPages = HttpMiddleware.cors({
      allowedOrigins: (origin) => allowed.has(origin),
      exposedHeaders,
      maxAge: 600,
    })
    /** Lets the browsers of allowed pages read what `app` answers, and answers what they ask before they send. */
    const shared = <E, R>(request: Request, app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) => {
      const asksBefore = request.method === "OPTIONS" && allowed.has(request.headers["origin"] ?? "")
      return allowed.size === 0 || (request.method === "OPTIONS" && !asksBefore) ? app : answersPages(app)
    }

    return { refusal, shared }
  })

/** Whether there is a body that does not say what it is. */
const unlabelled = (headers: Request["headers"]): boolean =>
  headers["content-type"] === undefined &&
  (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)

export type BrowserRules = Effect.Success<ReturnType<typeof makeBrowserRules>>
