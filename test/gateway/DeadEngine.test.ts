/**
 * A crashed engine is the commonest failure of all. The first request that it refuses is the news, whatever was asked:
 * from then on state, metrics, command line and readiness say that it is down, and the alarms of docs/operations.md fire.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Exit, Logger, Scope } from "effect"
import { inspect } from "node:util"
import { engines as command } from "../../src/cli/engines.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { runCommand } from "../support/commandLine.ts"
import { startListeningNim } from "../support/listeningNim.ts"

const adminToken = "the-operator-s-own"

const measured = (url: string) =>
  Effect.promise(async () => {
    const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n")
    const of = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(" ")[1])
    return {
      usable: of('aviary_engine_usable{engine="magpie"}'),
      down: of('aviary_engine_state{engine="magpie",state="down"}'),
    }
  })

layer(NodeServices.layer, { excludeTestServices: true })("DeadEngine", (it) => {
  it.effect("shows nobody the password that is in its URL", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const log = Logger.make(({ message, cause }) => void logged.push(inspect({ message, cause }, { depth: 20 })))
      const engine = "http://operator:s3cr3t@127.0.0.1:1"
      const settings = { magpieUrl: engine, parakeetUrl: engine, adminToken }
      const { url } = yield* startAviary(undefined, settings, { loggers: [log] })
      const asked = (path: string, init: RequestInit = {}) =>
        Effect.promise(async () => {
          const headers = { authorization: `Bearer ${adminToken}` }
          const response = await fetch(url + path, { headers, ...init })
          return `${JSON.stringify([...response.headers])} ${await response.text()}`
        })
      const speech = yield* postSpeech(url)
      const shown = [
        yield* Effect.promise(() => speech.text()),
        yield* asked("/admin/engines/magpie/probe", {
          method: "POST",
          headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
        }),
        yield* asked("/admin/engines"),
        yield* asked("/health/ready?for=speech"),
        yield* asked("/metrics"),
        yield* asked("/v1/models"),
        ...logged,
      ]
      expect(logged.length).toBeGreaterThan(0)
      expect(shown.filter((text) => text.includes("s3cr3t") || text.includes("operator:"))).toEqual([])
      expect(shown[2]).toContain("ECONNREFUSED")
    }),
  )

  it.effect("is down for everybody who asks, from the first refused connection on", () =>
    Effect.gen(function* () {
      const life = yield* Scope.make()
      const nim = yield* Scope.provide(startListeningNim(), life)
      const { url } = yield* startAviary(nim, { adminToken })
      const run = (...args: ReadonlyArray<string>) =>
        runCommand(command, [...args, "--url", url], { AVIARY_ADMIN_TOKEN: adminToken })
      expect((yield* run("probe", "magpie")).printed).toMatch(/^outcome +passed$/m)
      expect(yield* measured(url)).toEqual({ usable: 1, down: 0 })

      yield* Scope.close(life, Exit.void)
      // The first speech fails at the voice list, before it would be the engine's turn.
      expect((yield* postSpeech(url)).status).toBe(502)
      expect(yield* measured(url)).toEqual({ usable: 0, down: 1 })
      const { printed } = yield* run("list")
      expect(printed).toMatch(/^magpie +down /m)
      expect(printed).toMatch(/^magpie +.*ECONNREFUSED/m)
      const probed = yield* run("probe", "magpie")
      expect(probed.printed).toMatch(/^outcome +unreachable$/m)
      expect(probed.error).toContain("magpie is unreachable: nobody listens at its address")
      const speech = yield* Effect.promise(() => fetch(`${url}/health/ready?for=speech`))
      expect([speech.status, yield* Effect.promise(() => speech.text())]).toEqual([
        503,
        expect.stringContaining('"state":"down"'),
      ])
    }),
  )
})
