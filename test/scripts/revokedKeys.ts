/**
 * Revokes keys at one of three gateways, 50 unless told otherwise, and says when the others refused them.
 *
 *     node test/scripts/revokedKeys.ts [keys]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { revokeEverywhere } from "../support/revokedKeys.ts"

const [keys = "50"] = process.argv.slice(2)
const { millis, statuses } = await Effect.runPromise(
  revokeEverywhere(Number(keys)).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
const sorted = millis.toSorted((a, b) => a - b)
const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)]!)
console.log(
  `${keys} keys revoked at one of three gateways and refused at all: after ${at(0.5)} ms in the middle, ${at(0.99)} ms of 99 in 100, ` +
    `${at(1)} ms at most; answered ${[...new Set(statuses)].join(", ")}`,
)
process.exitCode = at(1) <= 1_000 ? 0 : 1
