/**
 * After `kill -9` at any moment the next start serves correct hits, has no stray temporary file, and makes again what was
 * lost. Power cuts, the kernel's out-of-memory killer and impatient operators do this; a cache that holds half a file
 * afterwards plays it to everyone, for good.
 *
 * `node test/scripts/killCache.ts` does the same 200 times. The ledger's side of it is `test/billing/Ledger.crash.test.ts`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { killRepeatedly } from "../support/killedCache.ts"

const kills = 8
const seed = 20_261_121

layer(NodeServices.layer, { excludeTestServices: true })("SurvivesKill", (it) => {
  it.effect(
    `killed ${kills} times under load, it answers every hit byte for byte and sweeps what was left`,
    () =>
      Effect.gen(function* () {
        const figures = yield* killRepeatedly({ kills, seed })
        expect(figures.faults, `seed ${seed}`).toEqual([])
        // Otherwise nothing was shown: kills must have met work, and entries must have lived through them.
        expect(figures.hits).toBeGreaterThan(20)
        expect(figures.cut).toBeGreaterThan(5)
        expect(figures.strays).toBeGreaterThan(0)
        expect(figures.uploads).toBeGreaterThan(0)
      }),
    300_000,
  )
})
