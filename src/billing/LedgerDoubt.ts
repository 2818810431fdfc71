import { Clock, Effect, Metric } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { BillingError } from "./BillingError.ts"
import type { Asked } from "./Operations.ts"

/**
 * Whether a ledger can still be written to, as far as what it was asked shows.
 *
 * - `note`: counts what the ledger could not do, which raises the doubt.
 * - `check`: nothing while there is no doubt; otherwise `change` has to prove it wrong.
 */
export const makeLedgerDoubt = (change: (asked: Asked) => Effect.Effect<unknown, BillingError>) => {
  let doubted = false
  return {
    note: ({ reason }: BillingError) => {
      if (reason._tag !== "LedgerUnavailable") return Effect.void
      doubted = true
      return Metric.update(Metric.withAttributes(Metrics.ledgerRefusals, { reason: reason.kind }), 1)
    },
    check: Effect.gen(function* () {
      if (!doubted) return
      yield* change({ name: "prove", input: { now: yield* Clock.currentTimeMillis } })
      doubted = false
    }),
  }
}
