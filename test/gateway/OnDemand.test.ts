/**
 * A GPU that nobody needs at night is stopped, and whoever needs it in the morning waits for its start. The one thing that must not
 * happen is that a request finds the engine stopped under it, least of all in the very moment of stopping.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { realpathSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { startAviary } from "../support/aviary.ts"
import { root } from "../support/dockerBase.ts"
import { type DockerDaemon, skipsDocker, startDocker } from "../support/dockerDaemon.ts"
import { importNimImage, nimImage } from "../support/dockerNim.ts"
import { freePort } from "../support/freePort.ts"
import { eventually, transcribe, wavOf } from "../support/listeningNim.ts"
import { loopbackServer } from "../support/loopback.ts"
import { adminToken, type MemberNim, operatorOf, startMember } from "../support/pairOfEngines.ts"
import { startSocketProxy } from "../support/socketProxy.ts"

/** Commands that stop and start `member`, which are told when they are done. */
const startSwitch = Effect.fnUntraced(function* (member: MemberNim) {
  const done: Array<string> = []
  const { url } = yield* loopbackServer((request, response) => {
    const way = request.url!.slice(1)
    done.push(way)
    Effect.runFork(way === "stop" ? member.kill : member.revive)
    response.end()
  })
  const command = (way: string) =>
    `command:${JSON.stringify([process.execPath, "--input-type=module", "-e", `await fetch("${url.origin}/${way}", { method: "POST" })`])}`
  return { done, start: command("start"), stop: command("stop") }
})

/** Sends requests around the moments at which the engine is stopped, until it was stopped `times` times more; what each was told. */
const requestsAroundStops = Effect.fnUntraced(function* (url: string, idleMillis: number, times: number) {
  const operator = operatorOf(url)
  const stops = Effect.map(
    operator.engine("parakeet"),
    ({ changes }) => changes.filter(({ to }) => to === "stopped").length,
  )
  const before = yield* stops
  const told: Array<number> = []
  for (let n = 0; (yield* stops) < before + times; n++) {
    const { status } = yield* transcribe(url, wavOf(300 + n))
    told.push(status)
    // The next one comes a little before, at, or a little after the moment at which the engine is stopped.
    // Every third comes surely after it, however late a busy machine is with a stop.
    yield* Effect.sleep(idleMillis + ((n % 7) - 3) * 10 + (n % 3 === 2 ? 2_000 : 0))
  }
  return told
})

/** A container `parakeet` that is there and does not run; where its engine will listen. */
const createContainer = Effect.fnUntraced(function* (daemon: DockerDaemon) {
  yield* importNimImage(daemon)
  const port = yield* freePort
  const program = fileURLToPath(new URL("../support/plainParakeet.ts", import.meta.url))
  const clip = statSync(join(root, "src/health/probe.wav")).size
  yield* daemon.docker(
    ...["create", "--name=parakeet", "--network=host", "--read-only", `--volume=${program}:${program}:ro`],
    ...[`--volume=${realpathSync(process.execPath)}:/usr/bin/node:ro`],
    ...[nimImage, "/usr/bin/node", program, String(port), String(clip)],
  )
  return `http://127.0.0.1:${port}`
})

layer(NodeServices.layer, { excludeTestServices: true })("OnDemand", (it) => {
  it.effect(
    "an engine that nobody needs is stopped by a command, and started by the first request, which is answered",
    () =>
      Effect.gen(function* () {
        const member = yield* startMember()
        const { done, start, stop } = yield* startSwitch(member)
        const { url } = yield* startAviary(undefined, {
          adminToken,
          magpieUrl: member.url.href,
          parakeetUrls: `${member.url.href} protocol=nim start=${start} stop=${stop} idle="1 second"`,
          recoveryWait: "1 minute",
        })
        const operator = operatorOf(url)
        expect((yield* transcribe(url, wavOf(300))).body.text).toBe("heard 300 milliseconds")
        yield* eventually(operator.engine("parakeet"), ({ state }) => state === "stopped")
        yield* eventually(
          Effect.sync(() => done),
          (ways) => ways.length > 0,
        )
        expect((yield* transcribe(url, wavOf(400))).body.text).toBe("heard 400 milliseconds")
        const told = yield* requestsAroundStops(url, 1_000, 3)
        expect(new Set(told)).toEqual(new Set([200]))
        const { budget, lastStartMillis, restarts } = yield* operator.engine("parakeet")
        expect([restarts, budget.left]).toEqual([[], 3])
        console.log(
          `by a command: ${told.length} requests around ${done.filter((way) => way === "stop").length} stops, all answered; a start took ${lastStartMillis} ms; no restart was spent`,
        )
      }),
    120_000,
  )

  it.effect.skipIf(skipsDocker)(
    "the same by a real Docker engine behind the socket proxy, also where a request comes while the container is being stopped",
    () =>
      Effect.gen(function* () {
        const daemon = yield* startDocker
        const parakeetUrl = yield* createContainer(daemon)
        const proxy = yield* startSocketProxy(`${daemon.home}/docker.sock`, ["parakeet"], ["parakeet"])
        const { url } = yield* startAviary(undefined, {
          adminToken,
          magpieUrl: (yield* startMember()).url.href,
          parakeetUrl,
          parakeetProtocol: "nim",
          parakeetRestart: "docker:parakeet",
          parakeetIdle: "1 second",
          dockerHost: proxy.host,
          recoveryWait: "2 minutes",
        })
        const operator = operatorOf(url)
        const isRunning = daemon.docker("inspect", "--format={{.State.Running}}", "parakeet")
        yield* eventually(operator.engine("parakeet"), ({ state }) => state === "stopped")
        expect(yield* isRunning).toBe("false")
        expect((yield* transcribe(url, wavOf(300))).body.text).toBe("heard 300 milliseconds")

        // The container takes half a second to end: the stop is on its way, and Docker has not done it.
        let midway = 0
        for (const millis of [410, 420]) {
          yield* eventually(operator.engine("parakeet"), ({ state }) => state === "stopped")
          if ((yield* isRunning) === "true") midway++
          expect((yield* transcribe(url, wavOf(millis))).body.text).toBe(`heard ${millis} milliseconds`)
        }
        const told = yield* requestsAroundStops(url, 1_000, 2)
        expect(new Set(told)).toEqual(new Set([200]))
        const { budget, lastStartMillis, restarts } = yield* operator.engine("parakeet")
        expect([restarts, budget.left]).toEqual([[], 3])
        // What the engine says of calls that it was stopped under.
        expect(yield* daemon.docker("logs", "parakeet")).toBe("")
        const stops = proxy.output().match(/passed on: POST \/containers\/parakeet\/stop/g)?.length
        console.log(
          `by Docker: ${told.length + 3} requests around ${stops} stops, ${midway} of them while the container ended, all answered; a start took ${lastStartMillis} ms; no restart was spent`,
        )
      }),
    240_000,
  )
})
