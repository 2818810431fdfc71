/**
 * Kills the gateway under paying load, 200 times unless told otherwise, and compares its charges with what clients heard.
 *
 *     node test/scripts/killPaying.ts [kills] [seed]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { killPaying, type PaidFigures } from "../support/killedPaying.ts"

const [kills = "200", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)

const line = (so: PaidFigures) =>
  `${so.kills} kills: ${so.clean} answers ended cleanly and are charged, ${so.cut} were cut and are not; ` +
  `${so.keptBack} charges of those were paid back, and ${so.forgiven} of answers that had just ended; ` +
  `${so.repeated} repeated with their key and charged once; ${so.expired} holds expired; ${so.faults.length} faults`

const started = Date.now()
console.log(`${kills} kills, seed ${seed}`)
const figures = await Effect.runPromise(
  killPaying({
    kills: Number(kills),
    seed: Number(seed),
    onKill: (so) => so.kills % 20 === 0 && console.log(line(so)),
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
console.log(`${line(figures)}, in ${Math.round((Date.now() - started) / 1_000)} s`)
for (const fault of figures.faults) console.error(fault)
process.exitCode = figures.faults.length === 0 ? 0 : 1
