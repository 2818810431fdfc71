/**
 * Three gateways, one prepaid account and a PostgreSQL, while what is named is killed at random moments:
 *
 *     node test/scripts/sharedLedger.ts gateways|database [requests] [kills] [at once] [seed]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { loadShared } from "../support/sharedLedgerLoad.ts"

const [what = "gateways", requests = "10000", kills = "10", atOnce = "500", seed = String(Date.now() % 1_000_000)] =
  process.argv.slice(2)

const started = Date.now()
const figures = await Effect.runPromise(
  loadShared({
    requests: Number(requests),
    atOnce: Number(atOnce),
    share: what === "gateways" ? 0.4 : 1,
    kills:
      what === "gateways"
        ? { gateways: Number(kills) }
        : { servers: Math.ceil(Number(kills) / 2), connections: Math.floor(Number(kills) / 2) },
    seed: Number(seed),
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
const { clean, cut, faults, forgiven, limit, refused, spent, unavailable } = figures
console.log(
  `${requests} requests, ${atOnce} at once, ${kills} kills of ${what}, seed ${seed}: ${clean} whole answers, each charged once but for ` +
    `${forgiven} that a crash forgave; ${refused} refused for want of money, ${unavailable} answered 503, ${cut} cut, none of them charged; ` +
    `spent ${spent} of ${limit}; ${faults.length} faults; ${Math.round((Date.now() - started) / 1_000)} s`,
)
for (const fault of faults.slice(0, 20)) console.error(fault)
process.exitCode = faults.length === 0 ? 0 : 1
