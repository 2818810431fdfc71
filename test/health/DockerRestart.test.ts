import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, FileSystem, Layer, Logger } from "effect"
import { HealthError } from "../../src/health/HealthError.ts"
import { makeDockerClient, makeDockerRestart } from "../../src/health/DockerRestart.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import { Restarter } from "../../src/health/Restarter.ts"
import { type JournalRecord, RestartJournal } from "../../src/health/RestartJournal.ts"
import { Settings } from "../../src/Settings.ts"
import { fakeDocker, running } from "../support/dockerEngine.ts"
import { oneOfEach } from "../support/fleet.ts"

const restart = (host: string, container = "parakeet", timeout = Duration.seconds(20)) =>
  Effect.flatMap(
    makeDockerClient(host, undefined),
    (client) => makeDockerRestart({ client, host, container, timeout }).restart,
  )

const failure = (host: string, container?: string, timeout?: Duration.Duration) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(restart(host, container, timeout))
    if (!(error instanceof HealthError)) return assert.fail(`not a failure of a restart: ${String(error)}`)
    const { reason } = error
    if (reason._tag !== "NotRunning" && reason._tag !== "RestartFailed") return assert.fail(reason._tag)
    return reason
  })

const socket = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/docker.sock`
})

const on = Effect.provide(NodeServices.layer)

it.live("inspects and restarts the one container and calls nothing else, over a unix socket", () =>
  Effect.gen(function* () {
    const { docker, host } = yield* fakeDocker(yield* socket)
    assert.strictEqual(yield* restart(host), "Docker restarted the container parakeet")
    assert.deepStrictEqual(docker.calls, ["GET /containers/parakeet/json", "POST /containers/parakeet/restart?t=10"])
  }).pipe(on),
)

it.live("the same over TCP", () =>
  Effect.gen(function* () {
    const { docker, host } = yield* fakeDocker()
    yield* restart(host)
    assert.strictEqual(docker.calls.length, 2)
  }).pipe(on),
)

const leftAlone = [
  ["stopped by somebody", { ...running, Status: "exited", Running: false }, "does not run (exited)"],
  ["never started", { ...running, Status: "created", Running: false }, "does not run (created)"],
  ["paused", { ...running, Status: "paused", Paused: true }, "docker unpause"],
  ["being restarted by Docker", { ...running, Status: "restarting", Restarting: true }, "by Docker itself"],
  ["still starting", { ...running, Health: { Status: "starting" } }, "still starting"],
] as const

for (const [what, state, words] of leftAlone) {
  it.live(`a container that is ${what} is left alone`, () =>
    Effect.gen(function* () {
      const { docker, host } = yield* fakeDocker()
      docker.state = state
      const reason = yield* failure(host)
      assert.strictEqual(reason._tag, "NotRunning")
      assert.include(reason.message, words)
      assert.deepStrictEqual(docker.calls, ["GET /containers/parakeet/json"])
    }).pipe(on),
  )
}

it.live("a container whose health check fails is restarted", () =>
  Effect.gen(function* () {
    const { docker, host } = yield* fakeDocker()
    docker.state = { ...running, Health: { Status: "unhealthy" } }
    yield* restart(host)
    assert.strictEqual(docker.calls.length, 2)
  }).pipe(on),
)

it.live("a dead socket, a missing container, a Docker that refuses: each says so, and nothing was restarted", () =>
  Effect.gen(function* () {
    const path = yield* socket
    const dead = yield* failure(`unix://${path}`)
    assert.deepInclude(dead, { _tag: "RestartFailed", attempted: false })
    assert.include(dead.message, `Docker at unix://${path} cannot be reached: `)
    assert.include(dead.message, "ENOENT")

    const { docker, host } = yield* fakeDocker(path)
    const missing = yield* failure(host, "whisper")
    assert.deepInclude(missing, { _tag: "RestartFailed", attempted: false })
    assert.include(missing.message, "No such container: whisper")

    docker.onRestart = (response) => response.writeHead(403).end("Forbidden by the proxy")
    const refused = yield* failure(host)
    assert.deepInclude(refused, { _tag: "RestartFailed", attempted: false })
    assert.include(refused.message, "status 403")
  }).pipe(on),
)

it.live("a restart that times out, breaks off or fails inside may have happened", () =>
  Effect.gen(function* () {
    const { docker, host } = yield* fakeDocker()
    docker.onRestart = () => {}
    const late = yield* failure(host, "parakeet", Duration.millis(300))
    assert.deepInclude(late, { _tag: "RestartFailed", attempted: true })
    assert.include(late.message, "did not restart parakeet within 300ms")

    docker.onRestart = (response) => response.socket?.destroy()
    const cut = yield* failure(host)
    assert.deepInclude(cut, { _tag: "RestartFailed", attempted: true })
    assert.include(cut.message, "broke off while it restarted parakeet")

    docker.onRestart = (response) => {
      response.writeHead(500, { "content-type": "application/json" })
      response.end(JSON.stringify({ message: "driver failed programming external connectivity" }))
    }
    const inside = yield* failure(host)
    assert.deepInclude(inside, { _tag: "RestartFailed", attempted: true })
    assert.include(inside.message, "driver failed programming")
  }).pipe(on),
)

it.live("something else than Docker behind the socket is told", () =>
  Effect.gen(function* () {
    const { docker, host } = yield* fakeDocker()
    docker.state = { Status: "running" } as typeof docker.state
    const reason = yield* failure(host)
    assert.deepInclude(reason, { _tag: "RestartFailed", attempted: false })
    assert.include(reason.message, "something else than a container's state")
  }).pipe(on),
)

it.live("an address that is none stops the start in one line", () =>
  Effect.gen(function* () {
    for (const host of ["/var/run/docker.sock", "http://docker:2375", "tcp://", "tcp://a/b", "ssh://spark"]) {
      const error = yield* Effect.flip(restart(host))
      assert.include(error.message, `AVIARY_DOCKER_HOST=${JSON.stringify(host)} is not valid`)
    }
    const noCertificates = yield* Effect.flip(makeDockerClient("tcp://127.0.0.1:2376", "/no/such/folder"))
    assert.include(noCertificates.message, 'AVIARY_DOCKER_CERT_PATH="/no/such/folder" is not valid')
  }).pipe(on),
)

it.live("the budget is honest: what certainly did not happen costs nothing, a timeout costs one", () =>
  Effect.gen(function* () {
    const path = yield* socket
    const records: Array<JournalRecord> = []
    const layer = Restarter.layer.pipe(
      Layer.provideMerge(RestartBudget.layer),
      Layer.provide(RestartJournal.layerMemory(records)),
      Layer.provide(oneOfEach()),
      Layer.provide(
        Settings.layerTest({
          dockerHost: `unix://${path}`,
          parakeetRestart: "docker:parakeet",
          restartTimeout: "300 millis",
        }),
      ),
    )
    yield* Effect.gen(function* () {
      const restarter = yield* Restarter
      const left = Effect.flatMap(RestartBudget, ({ status }) =>
        Effect.map(status("parakeet"), (status) => status.left),
      )
      const fails = Effect.flip(restarter.restart("parakeet", "a test", Effect.void))
      yield* fails
      assert.strictEqual(yield* left, 3)
      const { docker } = yield* fakeDocker(path)
      docker.onRestart = () => {}
      yield* fails
      assert.strictEqual(yield* left, 2)
      assert.deepStrictEqual(
        records.map(({ type }) => type),
        ["claimed", "returned", "claimed", "ended"],
      )
    }).pipe(Effect.provide(layer))
  }).pipe(on, Effect.provide(Logger.layer([]))),
)
