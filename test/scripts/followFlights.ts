/**
 * Asks three gateways for the same at once, 200 times unless told otherwise; stops the one that makes it the second time, and kills that of the third.
 *
 *     node test/scripts/followFlights.ts [requests]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { followFlights } from "../support/followedFlights.ts"

const [requests = "200"] = process.argv.slice(2)
const { fallen, first, later, second } = await Effect.runPromise(
  followFlights(Number(requests)).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
console.log(
  `${requests} identical requests over three gateways: ${first.calls} engine call, ${first.whole} whole answers, ${first.different} of other bytes`,
)
console.log(
  `the same with an owner that stands still before its first byte: ${fallen.meanwhile} of ${fallen.others} at other gateways answered meanwhile, ` +
    `${fallen.whole} whole once it was woken, ${fallen.different} of other bytes`,
)
console.log(
  `the same with the owner killed in mid-flight: ${second.whole} whole answers, ${second.broken} broken connections (${second.errors.length} answered with an error), ` +
    `${second.half} half, ${second.calls} engine calls; asked again: ${later.join(", ")}`,
)
const good =
  first.calls === 1 &&
  first.whole === Number(requests) &&
  first.different === 0 &&
  fallen.whole === Number(requests) &&
  fallen.different === 0 &&
  second.half === 0 &&
  later.every(Boolean)
process.exitCode = good ? 0 : 1
