/**
 * After `kill -9` at any moment only what clients heard to its clean end is charged, whoever was cut pays nothing or is paid back,
 * every hold ends, and a request repeated with its idempotency key is charged once. What had ended microseconds before the kill may
 * be paid back too. Whoever runs a gateway for others has to
 * answer for each line of a statement; "it crashed that day" is no answer.
 *
 * `node test/scripts/killPaying.ts` does the same 200 times.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { killPaying } from "../support/killedPaying.ts"

const kills = 6
const seed = 20_261_121

layer(NodeServices.layer, { excludeTestServices: true })("SurvivesKillPaying", (it) => {
  it.effect(
    `killed ${kills} times under paying load, it has charged what was heard to its end, and nothing else`,
    () =>
      Effect.gen(function* () {
        const figures = yield* killPaying({ kills, seed })
        expect(figures.faults, `seed ${seed}`).toEqual([])
        // A kill may come between the last byte and the note of it, though hardly each time.
        expect(figures.forgiven).toBeLessThan(kills)
        // Otherwise nothing was shown: answers must have ended, and kills must have met others and their holds.
        expect(figures.clean).toBeGreaterThan(10)
        expect(figures.cut).toBeGreaterThan(5)
        expect(figures.repeated).toBeGreaterThan(0)
        expect(figures.uploads).toBeGreaterThan(0)
        expect(figures.expired).toBeGreaterThan(0)
      }),
    180_000,
  )
})
