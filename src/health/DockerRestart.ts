import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Duration, Effect, FileSystem, Option, Path, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { SettingsError } from "../Settings.ts"
import { HealthError, NotRunning, RestartFailed } from "./HealthError.ts"
import type { RestartBackend } from "./RestartBackend.ts"

/** Seconds that Docker gives a container to end before it kills it. A wedged one hardly ever ends by itself. */
export const stopSeconds = 10

/** Docker answers an inspection from memory. */
const inspectTimeout = Duration.seconds(10)

/** What Docker says of a container (Engine API, `ContainerInspect`); nothing else is read. */
const Inspected = Schema.Struct({
  State: Schema.Struct({
    Status: Schema.String,
    Running: Schema.Boolean,
    Paused: Schema.Boolean,
    Restarting: Schema.Boolean,
    Health: Schema.optional(Schema.NullOr(Schema.Struct({ Status: Schema.String }))),
  }),
})

/** What Docker answers with an error status. */
const Complaint = Schema.Struct({ message: Schema.String })

/** What Docker says with an error status, to end a sentence with. */
export const complaintIn = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(
    Effect.option(HttpClientResponse.schemaBodyJson(Complaint)(response)),
    Option.match({ onNone: () => "", onSome: ({ message }) => `: ${message}` }),
  )

/**
 * A client of the Docker Engine API at `host`: `unix:///path`, or `tcp://host:port`, over TLS when `certPath` names a
 * folder with `ca.pem`, `cert.pem` and `key.pem` (what Docker's own `DOCKER_CERT_PATH` holds).
 */
export const makeDockerClient = Effect.fnUntraced(function* (host: string, certPath: string | undefined) {
  const socketPath = host.startsWith("unix://") ? host.slice("unix://".length) : undefined
  if (socketPath === undefined && !/^tcp:\/\/[^/\s]+$/.test(host)) {
    return yield* new SettingsError({
      message: `AVIARY_DOCKER_HOST=${JSON.stringify(host)} is not valid: it accepts unix:///path/of/docker.sock or tcp://host:port.`,
    })
  }
  const tls = socketPath === undefined && certPath !== undefined ? yield* readCertificates(certPath) : undefined
  const dispatcher = yield* NodeHttpClient.makeDispatcherOptions({
    connect: socketPath === undefined ? { timeout: 5_000, ...tls } : { socketPath, timeout: 5_000 },
    pipelining: 0,
  })
  const client = yield* Effect.provideService(NodeHttpClient.makeUndici, NodeHttpClient.Dispatcher, dispatcher)
  const base = socketPath === undefined ? host.replace("tcp:", tls === undefined ? "http:" : "https:") : "http://docker"
  return HttpClient.mapRequest(client, HttpClientRequest.prependUrl(base))
})

const readCertificates = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const read = (name: string) =>
    fs.readFileString(path.join(folder, name)).pipe(
      Effect.mapError(
        (error) =>
          new SettingsError({
            message: `AVIARY_DOCKER_CERT_PATH=${JSON.stringify(folder)} is not valid: ${error.message}.`,
          }),
      ),
    )
  return { ca: yield* read("ca.pem"), cert: yield* read("cert.pem"), key: yield* read("key.pem") }
})

/** The one container that is asked about. */
interface Asked {
  readonly client: HttpClient.HttpClient
  readonly host: string
  readonly container: string
}

const failed = (message: string, attempted: boolean) =>
  new HealthError({ reason: new RestartFailed({ message, attempted }) })

const refused = Effect.fnUntraced(function* (
  { container, host }: Asked,
  response: HttpClientResponse.HttpClientResponse,
  what: string,
  attempted: boolean,
) {
  const text = yield* complaintIn(response)
  return yield* failed(
    `The container ${container} cannot be ${what} by Docker at ${host} (status ${response.status})${text}`.slice(
      0,
      500,
    ),
    attempted,
  )
})

/** Why the container would be left alone now, to end a sentence about it with; undefined where it runs. Changes nothing. */
export const inspectContainer = (asked: Asked): Effect.Effect<string | undefined, HealthError> =>
  Effect.gen(function* () {
    const response = yield* asked.client.get(`/containers/${asked.container}/json`)
    if (response.status !== 200) return yield* refused(asked, response, "inspected", false)
    return whyLeftAlone((yield* HttpClientResponse.schemaBodyJson(Inspected)(response)).State)
  }).pipe(
    Effect.catchTag("HttpClientError", (error) =>
      failed(`Docker at ${asked.host} cannot be reached: ${causeOf(error)}`, false),
    ),
    Effect.catchTag("SchemaError", () =>
      failed(`Docker at ${asked.host} answered something else than a container's state`, false),
    ),
    Effect.timeoutOrElse({
      duration: inspectTimeout,
      orElse: () => failed(`Docker at ${asked.host} does not answer`, false),
    }),
  )

/** Restarts the one `container`, if it runs: what somebody stopped, or what is starting, is left alone. */
export const makeDockerRestart = (options: Asked & { readonly timeout: Duration.Duration }): RestartBackend => {
  const { client, host, container, timeout } = options

  const restart = Effect.gen(function* () {
    const leaveAlone = yield* inspectContainer(options)
    if (leaveAlone !== undefined) {
      return yield* new HealthError({ reason: new NotRunning({ message: `The container ${container} ${leaveAlone}` }) })
    }
    const response = yield* client.post(`/containers/${container}/restart?t=${stopSeconds}`)
    if (response.status !== 204) return yield* refused(options, response, "restarted", response.status >= 500)
    return `Docker restarted the container ${container}`
  })

  return {
    name: "docker",
    // Docker answers once the container has been stopped and started again.
    isSynchronous: true,
    restart: Effect.scoped(restart).pipe(
      Effect.catchTag("HttpClientError", (error) =>
        failed(`Docker at ${host} broke off while it restarted ${container}: ${causeOf(error)}`, true),
      ),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => failed(`Docker at ${host} did not restart ${container} within ${Duration.format(timeout)}`, true),
      }),
    ),
  }
}

function whyLeftAlone(state: (typeof Inspected.Type)["State"]): string | undefined {
  if (state.Restarting) return "is being restarted by Docker itself; it is left alone"
  if (state.Paused) return "is paused by somebody; it is left alone until `docker unpause`"
  if (!state.Running)
    return `does not run (${state.Status}): somebody stopped it, or it ended; start it with \`docker start\``
  if (state.Health?.Status === "starting") return "is still starting; it is left alone"
  return undefined
}

/** The innermost message: "connect ENOENT /var/run/docker.sock" says more than "Transport error". */
function causeOf(error: unknown): string {
  let inner = error
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause
  return inner instanceof Error && inner.message !== "" ? inner.message : String(inner)
}
