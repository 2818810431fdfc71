/**
 * The story that the gateway is for, on a real Docker engine: Parakeet's CUDA context is gone, its container goes on
 * answering 500 for ever, and only a restart helps. Nobody has to notice: clients are told to come back in a minute, and
 * seconds later the container has been restarted and shown to work. Fakes of Docker prove none of that.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe } from "vitest"
import type { EngineReport } from "../../src/health/EngineReport.ts"
import { type DockerDaemon, skipsDocker, startDocker } from "../support/dockerDaemon.ts"
import { type DockerNim, importNimImage, startDockerNim } from "../support/dockerNim.ts"
import { type GatewayProcess, startProcess } from "../support/gatewayProcess.ts"
import { startSocketProxy } from "../support/socketProxy.ts"

const recording = readFileSync(
  fileURLToPath(new URL("../support/audio/sense-and-sensibility-0930.wav", import.meta.url)),
)

/** One engine and one container for all the tests of this file. */
class Docker extends Context.Service<Docker, DockerDaemon & { readonly nim: DockerNim }>()("test/gateway/Docker") {
  static readonly layer = Layer.effect(
    Docker,
    Effect.gen(function* () {
      const daemon = yield* startDocker
      yield* importNimImage(daemon)
      return { ...daemon, nim: yield* startDockerNim(daemon, "parakeet") }
    }),
  )
}

const adminToken = "the-admin-token-of-a-test"

const startGateway = Effect.fnUntraced(function* (restart: string, dockerHost?: string) {
  const { host, nim } = yield* Docker
  const dataDir = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped({ prefix: "aviary-test-" })
  const gateway = yield* startProcess({
    AVIARY_DATA_DIR: dataDir,
    AVIARY_ADMIN_TOKEN: adminToken,
    AVIARY_MAGPIE_URL: nim.url,
    AVIARY_PARAKEET_URL: nim.url,
    AVIARY_PARAKEET_RESTART: restart,
    AVIARY_DOCKER_HOST: dockerHost ?? host,
  })
  const asAdmin = <A>(method: string, path: string, body?: unknown) =>
    Effect.promise(async (signal) => {
      const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }
      const answer = await fetch(`${gateway.url}/admin/engines${path}`, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      })
      return { status: answer.status, body: (await answer.json()) as A }
    })
  /** What an operator sees of Parakeet. */
  const parakeet = Effect.map(asAdmin<{ readonly engines: ReadonlyArray<EngineReport> }>("GET", ""), ({ body }) =>
    body.engines.find(({ engine }) => engine === "parakeet")!,
  )
  const restartByHand = asAdmin<Heard["body"]>("POST", "/parakeet/restart", { reason: "a test" })
  /** What the gateway's journal says was done about restarts, in order. */
  const journal = Effect.sync(() =>
    readFileSync(join(dataDir, "restarts.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { readonly type: string }).type),
  )
  return { ...gateway, parakeet, restartByHand, journal }
})

interface Heard {
  readonly status: number
  readonly retryAfter: string | null
  readonly shouldRetry: string | null
  readonly body: { readonly text?: string; readonly error?: { readonly code: string; readonly message: string } }
}

const transcribe = ({ url }: { readonly url: string }): Effect.Effect<Heard> =>
  Effect.promise(async (signal) => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([recording]), "recording.wav")
    const answer = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form, signal })
    return {
      status: answer.status,
      retryAfter: answer.headers.get("retry-after"),
      shouldRetry: answer.headers.get("x-should-retry"),
      body: (await answer.json()) as Heard["body"],
    }
  })

/** Asks until it is answered 200, and gives every answer on the way. */
const transcribeUntilHeard = Effect.fnUntraced(function* (gateway: { readonly url: string }) {
  const answers: Array<Heard> = []
  yield* transcribe(gateway).pipe(
    Effect.tap((heard) => Effect.sync(() => answers.push(heard))),
    Effect.repeat({ schedule: Schedule.spaced("250 millis"), until: ({ status }) => status === 200 }),
    Effect.timeout("120 seconds"),
    Effect.orDie,
  )
  return answers
})

const eventually = <A, E, R>(check: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  check.pipe(
    Effect.repeat({ schedule: Schedule.spaced("100 millis"), until: holds }),
    Effect.timeout("60 seconds"),
    Effect.orDie,
  )

const says = (gateway: GatewayProcess, words: string) =>
  eventually(
    Effect.sync(() => gateway.output()),
    (output) => output.includes(words),
  )

const wedge = [{ kind: "wedge", route: "transcriptions" }] as const

const words = "he might even have been made amiable himself"

describe.skipIf(skipsDocker)("DockerStory", () => {
  layer(Layer.merge(Docker.layer.pipe(Layer.orDie), NodeServices.layer), {
    excludeTestServices: true,
    timeout: "180 seconds",
  })((it) => {
    const socketOf = (host: string) => host.replace("unix://", "")
    const backends = {
      "the Docker Engine API": () => startGateway("docker:parakeet"),
      "a command": (host: string) =>
        startGateway(`command:${JSON.stringify(["docker", "-H", host, "restart", "parakeet"])}`),
      "the socket proxy": (host: string) =>
        Effect.flatMap(startSocketProxy(socketOf(host), ["parakeet"]), (proxy) =>
          startGateway("docker:parakeet", proxy.host),
        ),
    }
    for (const [backend, start] of Object.entries(backends)) {
      it.effect(
        `a wedged container is restarted through ${backend} and serves again`,
        () =>
          Effect.gen(function* () {
            const { host, nim } = yield* Docker
            const gateway = yield* start(host)
            expect((yield* transcribe(gateway)).body.text?.toLowerCase()).toContain(words)
            const before = yield* nim.startedAt

            yield* nim.set(wedge)
            const began = performance.now()
            const told = yield* transcribe(gateway)
            const toldAfter = performance.now() - began
            expect(told).toMatchObject({ status: 503, retryAfter: "60", body: { error: { code: "engine_wedged" } } })
            expect(told.shouldRetry).not.toBe("false")

            yield* eventually(nim.startedAt, (at) => at !== before)
            const restartedAfter = performance.now() - began
            const answers = yield* transcribeUntilHeard(gateway)
            const recoveredAfter = performance.now() - began
            const seconds = (millis: number) => `${(millis / 1_000).toFixed(2)} s`
            console.log(
              `wedge, healed through ${backend}: client told after ${seconds(toldAfter)}, container started again after ${seconds(restartedAfter)}, next call served after ${seconds(recoveredAfter)}`,
            )

            expect(restartedAfter).toBeLessThan(30_000)
            expect(answers.at(-1)?.body.text?.toLowerCase()).toContain(words)
            // Nobody met the wedged engine or a starting one: all were kept from it.
            expect(new Set(answers.slice(0, -1).map(({ status, retryAfter }) => `${status} ${retryAfter}`))).toEqual(
              new Set(answers.length > 1 ? ["503 60"] : []),
            )
            expect(yield* gateway.journal).toEqual(["claimed", "ended"])
            const report = yield* gateway.parakeet
            expect(report).toMatchObject({ state: "healthy", budget: { left: 2 } })
            expect(report.restarts).toHaveLength(1)
            expect(report.lastRecoveryMillis).toBeLessThan(recoveredAfter + 1)
          }),
        180_000,
      )
    }

    it.effect(
      "a container that an operator stopped is left alone, and is served from again once it is started",
      () =>
        Effect.gen(function* () {
          const { docker, nim } = yield* Docker
          const gateway = yield* startGateway("docker:parakeet")
          expect((yield* transcribe(gateway)).status).toBe(200)
          yield* docker("stop", "--time=5", nim.name)
          const stopped = yield* nim.startedAt
          for (let turn = 0; turn < 3; turn++) {
            expect(yield* transcribe(gateway)).toMatchObject({
              status: 502,
              body: { error: { code: "engine_unreachable" } },
            })
            yield* Effect.sleep("1 second")
          }
          expect(yield* docker("inspect", "--format={{.State.Status}}", nim.name)).toBe("exited")
          expect(yield* nim.startedAt).toBe(stopped)
          const asked = yield* gateway.restartByHand
          expect(asked).toMatchObject({ status: 409, body: { error: { code: "engine_not_running" } } })
          expect(asked.body.error?.message).toContain("does not run (exited)")
          expect(yield* nim.startedAt).toBe(stopped)

          yield* docker("start", nim.name)
          yield* nim.ready
          yield* transcribeUntilHeard(gateway)
          expect((yield* gateway.parakeet).budget.left).toBe(3)
          expect(yield* gateway.journal).toEqual(["claimed", "returned"])
        }),
      180_000,
    )

    it.effect(
      "where Docker does not answer or has no such container, it says so, spends no restart, and notices one by hand",
      () =>
        Effect.gen(function* () {
          const { docker, home, nim } = yield* Docker
          const lost = yield* startGateway("docker:nobody")
          const deaf = yield* startGateway("docker:parakeet", `unix://${home}/nothing.sock`)
          yield* nim.set(wedge)
          const before = yield* nim.startedAt
          for (const gateway of [lost, deaf]) {
            expect(yield* transcribe(gateway)).toMatchObject({ status: 503, retryAfter: "60" })
          }
          yield* says(lost, "The container nobody cannot be inspected by Docker")
          yield* says(lost, "No such container: nobody")
          yield* says(deaf, `Docker at unix://${home}/nothing.sock cannot be reached: connect ENOENT`)
          for (const gateway of [lost, deaf]) {
            const told = yield* transcribe(gateway)
            expect(told).toMatchObject({ status: 503, body: { error: { code: "engine_wedged" } } })
            expect(told.shouldRetry).not.toBe("false")
            expect(yield* gateway.parakeet).toMatchObject({ state: "wedged", budget: { left: 3 } })
            const journal = yield* gateway.journal
            expect(journal.slice(0, 2)).toEqual(["claimed", "returned"])
            expect(journal).not.toContain("ended")
          }
          expect(yield* nim.startedAt).toBe(before)

          yield* docker("restart", "--time=5", nim.name)
          for (const gateway of [lost, deaf]) {
            const answers = yield* transcribeUntilHeard(gateway)
            expect(answers.at(-1)?.status).toBe(200)
          }
        }),
      180_000,
    )
  })
})
