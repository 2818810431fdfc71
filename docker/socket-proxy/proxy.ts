/**
 * Lets whoever reaches it restart a few containers, and nothing else. Docker's own socket is root on its machine; a gateway
 * that only restarts two engines must not hold it.
 *
 * It passes on `GET /containers/<name>/json`, of which only the state comes back, since the rest holds the container's
 * environment with its keys, and `POST /containers/<name>/restart`; for the names in `ON_DEMAND` also `POST …/stop` and `POST …/start`.
 * Everything else is 403 and never reaches Docker.
 *
 * It uses nothing but Node, so that one can read all of it. `CONTAINERS` lists the names, separated by commas, and `ON_DEMAND` those
 * of them that are stopped while nobody needs them;
 * `DOCKER_SOCKET` is `/var/run/docker.sock` and `PORT` 2375 unless set; port 0 takes a free one.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

const socketPath = process.env["DOCKER_SOCKET"] ?? "/var/run/docker.sock"
const listed = (variable: string) => (process.env[variable] ?? "").split(",").filter((name) => name !== "")
const names = listed("CONTAINERS")
const onDemand = listed("ON_DEMAND")

// Docker's own rule for names, so that none can be another path.
const unfit = names.filter((name) => !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
if (names.length === 0 || unfit.length > 0) {
  console.error(
    `CONTAINERS must list names of containers, separated by commas${unfit.map((name) => `; not ${name}`).join("")}`,
  )
  process.exit(1)
}
const unknown = onDemand.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`ON_DEMAND lists ${unknown.join(", ")}, not among CONTAINERS`)
  process.exit(1)
}

interface Allowed {
  readonly method: "GET" | "POST"
  readonly path: string
  /** Docker's time to answer, in milliseconds: a restart, and a stop, wait for the container to stop. */
  readonly patience: number
}

/** What Docker is asked, made here and not taken from the request; undefined where nothing may be. */
function allowed({ method, url }: IncomingMessage): Allowed | undefined {
  for (const name of names) {
    const path = `/containers/${name}`
    if (method === "GET" && url === `${path}/json`) return { method, path: `${path}/json`, patience: 10_000 }
    if (method !== "POST") continue
    if (url === `${path}/start` && onDemand.includes(name))
      return { method, path: `${path}/start`, patience: 1_200_000 }
    for (const way of onDemand.includes(name) ? ["restart", "stop"] : ["restart"]) {
      if (url?.startsWith(`${path}/${way}`) !== true) continue
      const seconds = /^(?:\?t=(\d{1,3}))?$/.exec(url.slice(`${path}/${way}`.length))
      if (seconds !== null) return { method, path: `${path}/${way}?t=${seconds[1] ?? 10}`, patience: 1_200_000 }
    }
  }
  return undefined
}

function answer(response: ServerResponse, status: number, body?: unknown) {
  if (response.headersSent) return
  response.writeHead(status, { "content-type": "application/json" })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

/** Of an inspection only the state, of an error only its message. */
function visible(text: string): unknown {
  if (text === "") return undefined
  const { message, State } = JSON.parse(text) as { readonly message?: string; readonly State?: unknown }
  return State === undefined ? { message } : { State }
}

function forward({ method, path, patience }: Allowed, response: ServerResponse) {
  const failed = (error: Error) => answer(response, 502, { message: `Docker at ${socketPath}: ${error.message}` })
  const asked = request({ socketPath, method, path, timeout: patience }, (said) => {
    let text = ""
    said.setEncoding("utf8")
    said.on("error", failed)
    said.on("data", (part: string) => {
      text += part
      if (text.length > 4_194_304) asked.destroy(new Error("an answer without end"))
    })
    said.on("end", () => {
      try {
        answer(response, said.statusCode ?? 502, visible(text))
      } catch {
        failed(new Error("an answer that is no JSON"))
      }
    })
  })
  asked.on("timeout", () => asked.destroy(new Error("no answer in time")))
  asked.on("error", failed)
  response.on("close", () => asked.destroy())
  asked.end()
}

const server = createServer({ requestTimeout: 10_000, maxHeaderSize: 8_192 }, (incoming, response) => {
  incoming.resume()
  const call = allowed(incoming)
  console.log(`${call === undefined ? "refused" : "passed on"}: ${incoming.method} ${incoming.url}`)
  if (call === undefined) answer(response, 403, { message: "this is not allowed here" })
  else forward(call, response)
})
server.maxConnections = 32
server.listen(Number(process.env["PORT"] ?? 2375), () => {
  const more = onDemand.length === 0 ? "" : `, stops and starts ${onDemand.join(" and ")}`
  console.log(`port ${(server.address() as AddressInfo).port} restarts ${names.join(" and ")}${more}, at ${socketPath}`)
})
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0))
