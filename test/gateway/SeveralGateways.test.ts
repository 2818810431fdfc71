// Several gateways on one PostgreSQL are one: the money is spent once, a speech is made once, and a key that is revoked at one of them is
// revoked. Whoever is killed takes nothing from the others. Full counts: test/scripts/sharedLedger.ts and followFlights.ts.
import { assert, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { followFlights } from "../support/followedFlights.ts"
import { revokeEverywhere } from "../support/revokedKeys.ts"
import { loadShared } from "../support/sharedLedgerLoad.ts"

const long = { timeout: 240_000 }

it.live(
  "killed under load with one prepaid account: every whole answer is charged once, and no more is spent than there is",
  () =>
    Effect.gen(function* () {
      const { clean, faults, limit, spent } = yield* loadShared({
        requests: 80,
        atOnce: 20,
        share: 0.6,
        kills: { gateways: 1, connections: 1 },
        seed: 7,
        holdMillis: 5_000,
      })
      assert.deepStrictEqual(faults, [])
      assert.isAtLeast(clean, 10)
      assert.isAtMost(spent, limit)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
  long,
)

it.live(
  "identical requests at once are one engine call with the same bytes for all; of a lost owner's nobody gets half, and of a silent one's all is made elsewhere",
  () =>
    Effect.gen(function* () {
      const { fallen, first, later, second } = yield* followFlights(12)
      assert.deepStrictEqual(first, { calls: 1, whole: 12, different: 0, kinds: 1 })
      assert.deepStrictEqual(fallen, { others: 8, meanwhile: 8, whole: 12, different: 0, kinds: 1 })
      assert.deepStrictEqual([second.half, second.errors, second.whole + second.broken], [0, [], 12])
      assert.deepStrictEqual(later, [true, true])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
  long,
)

it.live(
  "a key that is revoked at one is refused at the others within a second",
  () =>
    Effect.gen(function* () {
      const { millis, statuses } = yield* revokeEverywhere(1)
      assert.deepStrictEqual([...new Set(statuses)], [401])
      // Announced, it takes some milliseconds. Without it keys are known for ten seconds.
      assert.isAtMost(Math.min(...millis), 5_000)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
  long,
)
