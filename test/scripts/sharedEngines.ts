/**
 * Three gateways on one PostgreSQL with one engine that wedges:
 *
 *     node test/scripts/sharedEngines.ts once       at a wedge that all meet at once
 *     node test/scripts/sharedEngines.ts frozen     the one whose turn it is stands still before it restarts it
 *     node test/scripts/sharedEngines.ts hopeless [seconds] [seed]   killed, frozen and woken at random while no restart helps
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { freezeOwner, hopeless, wedgeOnce } from "../support/sharedEngines.ts"

const [what = "once", seconds = "150", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
const run = <A, E>(show: Effect.Effect<A, E, import("effect").Scope.Scope | NodeServices.NodeServices>) =>
  Effect.runPromise(show.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

if (what === "once") {
  const { probes, restarts } = await run(wedgeOnce)
  console.log(
    `a wedge met by six requests, three operators and the schedule of three gateways: ${probes} probe found it, ${restarts} restart`,
  )
  process.exitCode = probes === 1 && restarts === 1 ? 0 : 1
} else if (what === "frozen") {
  const { after, before, claims, rows, said } = await run(freezeOwner)
  console.log(`frozen with its turn taken (number|not begun): ${claims}`)
  console.log(`restarts by another meanwhile: ${before}; after it was woken: ${after}`)
  console.log(`turns (number|begun|ended|returned): ${rows.replaceAll("\n", "  ")}`)
  for (const line of said) console.log(line)
  process.exitCode = before === 1 && after === 1 ? 0 : 1
} else {
  const { freezes, kills, most, refused, restarts } = await run(hopeless(Number(seconds), Number(seed)))
  console.log(
    `an engine that no restart helps, ${seconds} s, seed ${seed}, ${kills} gateways killed, ${freezes} frozen and woken: ${restarts} restarts, ` +
      `${most} at most within a window of a minute (the limit is 3); ${refused} late ones refused`,
  )
  process.exitCode = most <= 3 ? 0 : 1
}
