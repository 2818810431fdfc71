/**
 * Docker's socket is root on its machine, so the gateway does not hold it: a proxy that can do two things to two containers
 * does. Whatever else it let through would be the machine. That it heals an engine is in `DockerStory.test.ts`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { request } from "node:http"
import { fakeDocker, running } from "../support/dockerEngine.ts"
import { startSocketProxy } from "../support/socketProxy.ts"

const proxyFor = Effect.fnUntraced(function* (onDemand: ReadonlyArray<string>) {
  const socket = `${yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()}/docker.sock`
  const { docker } = yield* fakeDocker(socket)
  const proxy = yield* startSocketProxy(socket, ["magpie", "parakeet"], onDemand)
  return { docker, socket, ...proxy }
})

const proxied = proxyFor([])

/** Sends `path` as it is: an HTTP client with manners would tidy it up. */
const ask = (port: number, method: string, path: string) =>
  Effect.callback<{ readonly status: number; readonly body: string }>((resume) => {
    const asked = request({ host: "127.0.0.1", port, method, path }, (answer) => {
      let body = ""
      answer.setEncoding("utf8").on("data", (part: string) => (body += part))
      answer.on("end", () => resume(Effect.succeed({ status: answer.statusCode ?? 0, body })))
    })
    asked.on("error", (error) => resume(Effect.die(error)))
    asked.end()
    return Effect.sync(() => asked.destroy())
  })

const on = Effect.provide(NodeServices.layer)

it.live("tells of a container its state and nothing else, and restarts it", () =>
  Effect.gen(function* () {
    const { docker, port } = yield* proxied
    const told = yield* ask(port, "GET", "/containers/parakeet/json")
    assert.deepStrictEqual([told.status, JSON.parse(told.body)], [200, { State: running }])
    assert.deepStrictEqual(yield* ask(port, "POST", "/containers/parakeet/restart?t=3"), { status: 204, body: "" })
    assert.deepStrictEqual(docker.calls, ["GET /containers/parakeet/json", "POST /containers/parakeet/restart?t=3"])
  }).pipe(on),
)

const refused = [
  ["GET", "/containers/json"],
  ["GET", "/containers/gateway/json"],
  ["GET", "/containers/parakeet/json?size=1"],
  ["GET", "/containers/parakeet2/json"],
  ["GET", "/containers/parakeet/../gateway/json"],
  ["GET", "/containers/parakeet%2F..%2Fgateway/json"],
  ["GET", "//containers/parakeet/json"],
  ["GET", "/v1.41/containers/parakeet/json"],
  ["GET", "/containers/parakeet/logs?stdout=1"],
  ["HEAD", "/containers/parakeet/json"],
  ["POST", "/containers/parakeet/json"],
  ["POST", "/containers/gateway/restart"],
  ["POST", "/containers/parakeet/restart?t=3&signal=SIGKILL"],
  ["POST", "/containers/parakeet/restart?t=-1"],
  ["POST", "/containers/parakeet/restart/../exec"],
  ["POST", "/containers/parakeet/exec"],
  ["POST", "/containers/create"],
  ["DELETE", "/containers/parakeet?force=1"],
  ["GET", "/images/json"],
  ["GET", "/info"],
  ["GET", "http://docker/containers/parakeet/json"],
] as const

/** What an engine that is stopped while nobody needs it needs. */
const onDemandOnly = (name: string) =>
  [
    ["POST", `/containers/${name}/start`],
    ["POST", `/containers/${name}/stop`],
    ["POST", `/containers/${name}/stop?t=3`],
  ] as const

it.live("refuses everything else before Docker sees it", () =>
  Effect.gen(function* () {
    const { docker, port } = yield* proxied
    for (const [method, path] of [...refused, ...onDemandOnly("parakeet")]) {
      assert.strictEqual((yield* ask(port, method, path)).status, 403, `${method} ${path}`)
    }
    assert.deepStrictEqual(docker.calls, [])
  }).pipe(on),
)

it.live("stops and starts what is there on demand, and nothing else", () =>
  Effect.gen(function* () {
    const { docker, port } = yield* proxyFor(["parakeet"])
    for (const [method, path] of onDemandOnly("parakeet")) {
      assert.strictEqual((yield* ask(port, method, path)).status, 204, path)
    }
    const passedOn = [
      "POST /containers/parakeet/start",
      "POST /containers/parakeet/stop?t=10",
      "POST /containers/parakeet/stop?t=3",
    ]
    assert.deepStrictEqual(docker.calls, passedOn)
    const further = [
      ...onDemandOnly("magpie"),
      ["POST", "/containers/parakeet/stop?t=3&signal=SIGKILL"],
      ["POST", "/containers/parakeet/start?detachKeys=a"],
      ["POST", "/containers/parakeet/stop/../exec"],
      ["POST", "/containers/parakeet/kill"],
      ["GET", "/containers/parakeet/start"],
      ["GET", "/containers/parakeet/stop"],
    ] as const
    for (const [method, path] of [...refused, ...further]) {
      assert.strictEqual((yield* ask(port, method, path)).status, 403, `${method} ${path}`)
    }
    assert.deepStrictEqual(docker.calls, passedOn)
    const { message } = yield* Effect.flip(startSocketProxy("/nowhere", ["parakeet"], ["gateway"]))
    assert.include(message, "ON_DEMAND lists gateway, not among CONTAINERS")
  }).pipe(on),
)

it.live("passes on what Docker complains of, and says when Docker is not there", () =>
  Effect.gen(function* () {
    const { docker, port, socket } = yield* proxied
    const missing = yield* ask(port, "GET", "/containers/magpie/json")
    assert.deepStrictEqual([missing.status, JSON.parse(missing.body)], [404, { message: "No such container: magpie" }])
    docker.onRestart = (response) => response.end("<html>")
    assert.strictEqual((yield* ask(port, "POST", "/containers/parakeet/restart")).status, 502)
    docker.onRestart = (response) => response.socket?.destroy()
    assert.strictEqual((yield* ask(port, "POST", "/containers/parakeet/restart")).status, 502)
    yield* (yield* FileSystem.FileSystem).remove(socket)
    const dead = yield* ask(port, "GET", "/containers/magpie/json")
    assert.strictEqual(dead.status, 502)
    assert.include(dead.body, "ENOENT")
  }).pipe(on),
)

it.live("does not start for a name that is none", () =>
  Effect.gen(function* () {
    for (const names of [[], ["parakeet", "../info"]]) {
      const error = yield* Effect.flip(startSocketProxy("/nowhere", names))
      assert.include(error.message, "CONTAINERS must list names of containers")
    }
  }),
)
