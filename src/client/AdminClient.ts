import { Context, Duration, Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { Api } from "../contract/Api.ts"
import { Settings } from "../Settings.ts"
import { type AdminCallError, noAnswer, notSent, wordsFor } from "./AdminCallError.ts"
import { AdminToken } from "../http/access/AdminToken.ts"

type Client = HttpApiClient.ForApi<typeof Api>

interface Service {
  /** Runs one call; whatever goes wrong is an `AdminCallError`. */
  readonly ask: <A, E>(call: (client: Client) => Effect.Effect<A, E>) => Effect.Effect<A, AdminCallError>
}

/** Longer than an engine's restart and probe take. */
const patience = Duration.minutes(10)

const make = Effect.fnUntraced(function* (given: string | undefined) {
  const { host, port } = yield* Settings
  const { token, path } = yield* AdminToken
  // Clients of the API have the same URL with /v1 behind it.
  const baseUrl = (given ?? localUrl(host, port)).replace(/\/+$/, "").replace(/\/v1$/, "")
  if (!/^https?:/.test(baseUrl) || !URL.canParse(baseUrl)) {
    return yield* notSent("invalid_url", `${baseUrl} is no URL such as http://127.0.0.1:8000.`)
  }
  const words = wordsFor(baseUrl, path)
  const client = yield* HttpApiClient.make(Api, {
    baseUrl,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(Redacted.value(token))),
    // What is still a schema error after this is about the request, which has not been sent.
    transformResponse: Effect.catchIf(Schema.isSchemaError, () => words.notAviary()),
  })

  return AdminClient.of({
    ask: (call) =>
      call(client).pipe(
        Effect.catch(words.of),
        Effect.timeoutOrElse({
          duration: patience,
          orElse: () => noAnswer(`${baseUrl} did not answer in ${Duration.format(patience)}.`),
        }),
      ),
  })
})

/** A running gateway's admin routes, for who has its token. */
export class AdminClient extends Context.Service<AdminClient, Service>()("aviary/client/AdminClient") {
  /** @param url base URL of the gateway; undefined: where the settings say that one listens on this machine */
  static readonly layer = (url: string | undefined) =>
    Layer.effect(AdminClient, make(url)).pipe(
      Layer.provide(AdminToken.layerExisting),
      Layer.provide(FetchHttpClient.layer),
    )
}

/** An address that listens on all interfaces is no address to call. */
const localUrl = (host: string, port: number) => {
  const called = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host
  return `http://${called}:${port}`
}
