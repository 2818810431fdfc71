import { Effect, Metric } from "effect"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { anonymous } from "./Account.ts"
import type { BillingError } from "./BillingError.ts"
import { Payer } from "./Payer.ts"

/** Milliseconds for which what was said in the log is not said again. */
const saidFor = 60_000

/**
 * Serves a hit for nothing where the ledger cannot charge it, if that is allowed and the payer is nobody: who has a key has an account
 * whose limits nobody can look at. It fails as before with all else that a ledger says.
 */
export const makeUnbilled = Effect.gen(function* () {
  const { access, unbilledHits } = yield* Settings
  const isAllowed = access === "open" && unbilledHits === "on"
  let saidAt: number | undefined

  return <A, R>(hit: Effect.Effect<A, BillingError, R>, free: () => A): Effect.Effect<A, BillingError, R> =>
    Effect.catch(hit, (error) =>
      Effect.gen(function* () {
        const { accountId, keyId } = yield* Payer
        const isNobody = accountId === anonymous && keyId === null
        if (!isAllowed || !isNobody || error.reason._tag !== "LedgerUnavailable") return yield* error
        yield* Metric.update(Metrics.unbilledHits, 1)
        const now = yield* elapsedMillis
        if (saidAt === undefined || now - saidAt > saidFor) {
          saidAt = now
          yield* Effect.logWarning(
            "The ledger cannot be reached: what is in the cache is served unbilled",
            error.message,
          )
        }
        return free()
      }),
    )
})
