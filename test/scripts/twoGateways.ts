/**
 * Two gateway processes on one cache directory under the same load, for 60 seconds unless told otherwise.
 *
 *     node test/scripts/twoGateways.ts [seconds] [seed]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { shareDirectory } from "../support/sharedCache.ts"

const [seconds = "60", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
console.log(`${seconds} s, seed ${seed}`)
const { answers, calls, faults, hits, left } = await Effect.runPromise(
  shareDirectory({ millis: Number(seconds) * 1_000, seed: Number(seed) }).pipe(
    Effect.scoped,
    Effect.provide(NodeServices.layer),
  ),
)
console.log(
  `${answers} whole answers compared, ${hits} of them hits; ${left} clients left; ${calls} engine calls for 10 speeches asked of both at once; ${faults.length} faults`,
)
for (const fault of faults) console.error(fault)
process.exitCode = faults.length === 0 ? 0 : 1
