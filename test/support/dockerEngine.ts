import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** What a fake Docker Engine knows of its one container `parakeet`, and every call that it got. */
export interface FakeDocker {
  state: {
    Status: string
    Running: boolean
    Paused: boolean
    Restarting: boolean
    Health?: { Status: string } | null
  }
  /** How it answers a restart. */
  onRestart: (response: ServerResponse) => void
  readonly calls: Array<string>
}

export const running = { Status: "running", Running: true, Paused: false, Restarting: false }

const answer = (response: ServerResponse, status: number, body?: unknown) => {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

const serve = (docker: FakeDocker) => (request: IncomingMessage, response: ServerResponse) => {
  docker.calls.push(`${request.method} ${request.url}`)
  request.resume()
  const [path] = (request.url ?? "").split("?")
  if (request.method === "GET" && path === "/containers/parakeet/json")
    return answer(response, 200, { Id: "abc", State: docker.state })
  if (request.method === "POST" && path === "/containers/parakeet/restart") return docker.onRestart(response)
  if (request.method === "POST" && /^\/containers\/parakeet\/(start|stop)$/.test(path ?? ""))
    return answer(response, 204)
  return answer(response, 404, { message: `No such container: ${path?.split("/")[2]}` })
}

/** Speaks as much of the Docker Engine API as a restart needs, on a unix socket or on a free port of the loopback. */
export const fakeDocker = (socketPath?: string) =>
  Effect.gen(function* () {
    const docker: FakeDocker = { state: running, onRestart: (response) => answer(response, 204), calls: [] }
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const starting = createServer(serve(docker))
        const started = () => resume(Effect.succeed(starting))
        if (socketPath === undefined) starting.listen(0, "127.0.0.1", started)
        else starting.listen(socketPath, started)
      }),
      (running) =>
        Effect.callback<void>((resume) => {
          running.close(() => resume(Effect.void))
          running.closeAllConnections()
        }),
    )
    const host =
      socketPath === undefined ? `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${socketPath}`
    return { docker, host }
  })
