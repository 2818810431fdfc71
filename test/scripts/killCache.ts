/**
 * Kills the gateway under load, 200 times unless told otherwise, and compares what its cache answers after each restart.
 *
 *     node test/scripts/killCache.ts [kills] [seed]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { type KillFigures, killRepeatedly } from "../support/killedCache.ts"

const [kills = "200", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)

const line = ({ cut, faults, hits, kills: done, made, strays }: KillFigures) =>
  `${done} kills: ${hits} hits and ${made} speeches made anew, all compared; ${cut} answers cut off, ${strays} stray files swept, ${faults.length} faults`

const started = Date.now()
console.log(`${kills} kills, seed ${seed}`)
const figures = await Effect.runPromise(
  killRepeatedly({
    kills: Number(kills),
    seed: Number(seed),
    onKill: (done, so) => done % 20 === 0 && console.log(line(so)),
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
console.log(`${line(figures)}, in ${Math.round((Date.now() - started) / 1000)} s`)
for (const fault of figures.faults) console.error(fault)
process.exitCode = figures.faults.length === 0 ? 0 : 1
