/**
 * Many ways to restart an engine only ask for it: `kubectl rollout restart`, `systemctl --no-block`, ssh in the background.
 * The old process answers on for seconds, with the very errors that the restart is to end. Were these taken for news,
 * the whole budget would be burnt on one wedge within a second, and the engine left alone when it wedges again.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { EngineReport } from "../../src/health/EngineReport.ts"
import { startAviary } from "../support/aviary.ts"
import { startLingeringEngine } from "../support/lingeringEngine.ts"
import { eventually, transcribe, wavOf } from "../support/listeningNim.ts"

const adminToken = "the-operator-s-own"

layer(NodeServices.layer, { excludeTestServices: true })("RestartOnce", (it) => {
  it.effect("one wedge is one restart, though the old process answers for seconds after the command has ended", () =>
    Effect.gen(function* () {
      const engine = yield* startLingeringEngine({ lingerMillis: 3_000, loadMillis: 500 })
      const { url } = yield* startAviary(undefined, {
        parakeetUrl: engine.url.href,
        parakeetRestart: engine.restart,
        adminToken,
      })
      const parakeet = Effect.promise(async () => {
        const response = await fetch(`${url}/admin/engines`, { headers: { authorization: `Bearer ${adminToken}` } })
        const { engines } = (await response.json()) as { engines: ReadonlyArray<EngineReport> }
        return engines.find((report) => report.engine === "parakeet")!
      })
      expect((yield* transcribe(url, wavOf(300))).body.error?.code).toBe("engine_wedged")
      const healed = yield* eventually(parakeet, ({ state }) => state === "healthy")
      expect(engine.restarts()).toBe(1)
      expect(healed.budget.left).toBe(2)
      expect(healed.changes.map(({ to }) => to)).toEqual(["suspect", "wedged", "restarting", "recovering", "healthy"])
      expect((yield* transcribe(url, wavOf(300))).body.text).toBe("He might even have been made amiable himself.")
    }),
  )
})
