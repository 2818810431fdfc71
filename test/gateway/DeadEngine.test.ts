/**
 * A crashed engine is the commonest failure of all. The first request that it refuses is the news, whatever was asked:
 * from then on state, metrics, command line and readiness say that it is down, and the alarms of docs/operations.md fire.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
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
