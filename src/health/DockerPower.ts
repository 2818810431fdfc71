import { Duration, Effect } from "effect"
import type { HttpClient } from "effect/http"
import { complaintIn, stopSeconds } from "./DockerRestart.ts"
import { HealthError, RestartFailed } from "./HealthError.ts"

/** Starts or stops the one `container` through the Docker Engine API; done already counts as done. Gives one line for the log. */
export const makeDockerPower = (options: {
  readonly client: HttpClient.HttpClient
  readonly host: string
  readonly container: string
  readonly timeout: Duration.Duration
}) => {
  const { client, container, host, timeout } = options
  const failed = (message: string) => new HealthError({ reason: new RestartFailed({ message, attempted: true }) })

  const ask = (path: string, done: "started" | "stopped") =>
    Effect.gen(function* () {
      const response = yield* client.post(`/containers/${container}/${path}`)
      if (response.status === 204 || response.status === 304) return `Docker ${done} the container ${container}`
      const said = yield* complaintIn(response)
      return yield* failed(
        `The container ${container} was not ${done} by Docker at ${host} (status ${response.status})${said}`.slice(
          0,
          500,
        ),
      )
    }).pipe(
      Effect.scoped,
      Effect.catchTag("HttpClientError", (error) => failed(`Docker at ${host} cannot be asked: ${error.message}`)),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.fail(
            failed(
              `The container ${container} was not ${done} by Docker at ${host} within ${Duration.format(timeout)}`,
            ),
          ),
      }),
    )

  return { start: ask("start", "started"), stop: ask(`stop?t=${stopSeconds}`, "stopped") }
}
