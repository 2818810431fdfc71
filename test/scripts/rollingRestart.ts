/**
 * Replaces three gateways one after the other under load.
 *
 *     node test/scripts/rollingRestart.ts [rounds] [requests at once]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { rollOver } from "../support/rollingRestart.ts"

const [rounds = "3", atOnce = "16"] = process.argv.slice(2)
const { cut, failed, moved, restarts, whole } = await Effect.runPromise(
  rollOver(Number(rounds), Number(atOnce)).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
console.log(
  `${restarts} restarts under load: ${whole} whole answers, ${moved} requests given to another gateway before they were begun, ${cut} answers cut, ${failed.length} failed`,
)
for (const one of failed.slice(0, 10)) console.error(one)
process.exitCode = failed.length + cut === 0 ? 0 : 1
