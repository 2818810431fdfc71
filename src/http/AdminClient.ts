import { Context, Duration, Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { Api } from "../contract/Api.ts"
import { ErrorEnvelope } from "../contract/ErrorEnvelope.ts"
import { Settings } from "../Settings.ts"
import { AdminToken } from "./AdminToken.ts"

/** The gateway did not do what it was asked; `message` says why, in its own words where there are any. */
export class AdminCallError extends Schema.TaggedError<AdminCallError>()("AdminCallError", {
  message: Schema.String,
}) {}

type Client = HttpApiClient.ForApi<typeof Api>

interface Service {
  /** Runs one call; whatever goes wrong is an `AdminCallError`. */
  readonly ask: <A, E>(call: (client: Client) => Effect.Effect<A, E>) => Effect.Effect<A, AdminCallError>
}

/** Longer than an engine's restart and probe take. */
const patience = Duration.minutes(10)

/** A running gateway's admin routes, for who has its token. */
export class AdminClient extends Context.Service<AdminClient, Service>()("aviary/http/AdminClient") {
  /** @param url base URL of the gateway; undefined: where the settings say that one listens on this machine */
  static readonly layer = (url: string | undefined) =>
    Layer.effect(
      AdminClient,
      Effect.suspend(() => make(url)),
    ).pipe(Layer.provide(AdminToken.layerExisting), Layer.provide(FetchHttpClient.layer))
}

/** An address that listens on all interfaces is no address to call. */
const localUrl = (host: string, port: number) => {
  const called = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host
  return `http://${called}:${port}`
}

const make = Effect.fnUntraced(function* (given: string | undefined) {
  const { host, port } = yield* Settings
  const { token } = yield* AdminToken
  const baseUrl = (given ?? localUrl(host, port)).replace(/\/+$/, "")
  if (!URL.canParse(baseUrl)) return yield* new AdminCallError({ message: `${baseUrl} is no URL.` })
  const client = yield* HttpApiClient.make(Api, {
    baseUrl,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(Redacted.value(token))),
  })

  return AdminClient.of({
    ask: (call) =>
      call(client).pipe(
        Effect.catch((error) => Effect.flatMap(wordsOf(error, baseUrl), (message) => new AdminCallError({ message }))),
        Effect.timeoutOrElse({
          duration: patience,
          orElse: () => new AdminCallError({ message: `${baseUrl} did not answer in ${Duration.format(patience)}.` }),
        }),
      ),
  })
})

const isEnvelope = Schema.is(ErrorEnvelope)

const wordsOf = (error: unknown, baseUrl: string): Effect.Effect<string> => {
  if (isEnvelope(error)) return Effect.succeed(error.error.message)
  if (HttpClientError.isHttpClientError(error)) {
    const { response } = error
    if (response === undefined) {
      return Effect.succeed(`No gateway answers at ${baseUrl}. Start one, or say with --url where it listens.`)
    }
    return Effect.match(response.json, {
      onFailure: () => `${baseUrl} answered ${response.status}. Is that an Aviary?`,
      onSuccess: (body) => (isEnvelope(body) ? body.error.message : `${baseUrl} answered ${response.status}.`),
    })
  }
  return Effect.succeed(`${baseUrl} answered what this version does not understand.`)
}
