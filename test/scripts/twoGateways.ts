/**
 * Two gateway processes on one cache directory under the same load, of 5,000 requests unless told otherwise.
 *
 *     node test/scripts/twoGateways.ts [requests] [seed]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { shareDirectory } from "../support/sharedCache.ts"

const [requests = "5000", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
console.log(`${requests} requests, seed ${seed}`)
const { answers, calls, faults, hits, left } = await Effect.runPromise(
  shareDirectory({ requests: Number(requests), seed: Number(seed) }).pipe(
    Effect.scoped,
    Effect.provide(NodeServices.layer),
  ),
)
console.log(
  `${answers} whole answers compared, ${hits} of them hits; ${left} clients left; ${calls} engine calls for 10 speeches asked of both at once; ${faults.length} faults`,
)
for (const fault of faults) console.error(fault)
process.exitCode = faults.length === 0 ? 0 : 1
