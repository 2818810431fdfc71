import { Effect, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** A Parakeet in a process of its own: loads for a while, then hears the words of the probe, or is wedged. */
const engine = `
const [port, isWedged, loadMillis] = process.argv.slice(1)
const readyAt = Date.now() + Number(loadMillis)
require("node:http").createServer((request, response) => {
  request.resume().on("end", () => {
    const answer = (status, body) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    if (Date.now() < readyAt) return answer(503, { detail: "loading" })
    if (request.url.startsWith("/v1/health")) return answer(200, {})
    if (isWedged === "true") return answer(500, { detail: "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED" })
    answer(200, { text: "He might even have been made amiable himself." })
  })
}).listen(Number(port), "127.0.0.1")`

const listening = (server: ReturnType<typeof createServer>) =>
  new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  })

/**
 * A wedged engine under a service manager that does what it is asked later, as `systemctl --no-block` and
 * `kubectl rollout restart` have it: `restart` is a setting whose command ends at once, and the old process lives on for
 * `lingerMillis`. The new one works, once it has loaded for `loadMillis`. `restarts`: how often it was asked.
 */
export const startLingeringEngine = Effect.fnUntraced(function* (times: {
  readonly lingerMillis: number
  readonly loadMillis: number
}) {
  let asked = 0
  let current: ChildProcess | undefined
  const free = createServer()
  const port = yield* Effect.promise(() => listening(free))
  yield* Effect.promise(() => new Promise((resolve) => free.close(resolve)))

  const start = (isWedged: boolean, loadMillis: number) => {
    current = spawn(process.execPath, ["-e", engine, String(port), String(isWedged), String(loadMillis)], {
      stdio: "ignore",
    })
  }
  const end = async () => {
    if (current === undefined || current.exitCode !== null || current.signalCode !== null) return
    current.kill("SIGKILL")
    await once(current, "exit")
  }
  const pending = new Set<NodeJS.Timeout>()
  const manager = createServer((_, response) => {
    asked++
    response.end()
    pending.add(setTimeout(() => void end().then(() => start(false, times.loadMillis)), times.lingerMillis))
  })
  const managerPort = yield* Effect.promise(() => listening(manager))
  start(true, 0)
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      for (const timer of pending) clearTimeout(timer)
      await end()
      manager.closeAllConnections()
      await new Promise((resolve) => manager.close(resolve))
    }),
  )
  const url = new URL(`http://127.0.0.1:${port}`)
  const isUp = Effect.tryPromise(() => fetch(new URL("/v1/health/ready", url)))
  yield* Effect.orDie(Effect.retry(isUp, { schedule: Schedule.spaced("25 millis"), times: 800 }))
  const script = `fetch("http://127.0.0.1:${managerPort}/restart", { method: "POST" })`
  return {
    url,
    restart: `command:${JSON.stringify([process.execPath, "-e", script])}`,
    restarts: () => asked,
  }
})
