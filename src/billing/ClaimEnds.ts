import { Clock, Effect, Exit, Metric } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { BillingError } from "./BillingError.ts"
import type { Claim } from "./Claim.ts"
import type { Ledger } from "./Ledger.ts"
import type { Abandoned, Served } from "./Usage.ts"

export const countCharge = (served: Served) =>
  Metric.update(Metric.withAttributes(Metrics.charges, { cache: served }), 1)

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "not settled" : Exit.hasInterrupts(exit) ? "abandoned" : "failed"

/** Writes how claims end, and again until the ledger takes it. */
export const makeClaimEnds = (
  ledger: Ledger["Service"],
  chargeWhoLeaves: "share" | "full" | "free",
  noteDelivered: (claim: string) => Effect.Effect<void>,
) => {
  /** Ends that the ledger did not take. The reaper tries again. */
  const owed = new Map<string, Effect.Effect<unknown, BillingError>>()

  const end = Effect.fnUntraced(function* (claim: string, how: Effect.Effect<unknown, BillingError>) {
    owed.set(claim, how)
    yield* how.pipe(
      Effect.tap(() => Effect.sync(() => owed.delete(claim))),
      Effect.catch((error) => {
        if (error.reason._tag === "LedgerUnavailable")
          return Effect.logWarning("The end of a hold could not be written; it is tried again", error.message)
        owed.delete(claim)
        return Effect.logWarning("A hold had ended before its time", error.message)
      }),
    )
  }, Effect.uninterruptible)

  const release = (holdId: string, reason: string, refund: boolean) =>
    end(
      holdId,
      Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => ledger.run("release", { holdId, reason, refund, now })),
        Effect.tap(({ done }) => (done === "refunded" ? Metric.update(Metrics.refunds, 1) : Effect.void)),
      ),
    )

  /** Charges a client that left before anything was. */
  const charge = (holdId: string, { served, handed, of }: Abandoned) =>
    end(
      holdId,
      Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => {
          const part = chargeWhoLeaves === "share" && handed < of ? { part: { handed, of } } : {}
          return ledger.run("settle", { holdId, served, outcome: null, now, ...part })
        }),
        Effect.tap(({ replayed }) => (replayed ? Effect.void : countCharge(served))),
        Effect.tap(() => noteDelivered(holdId)),
      ),
    )

  return {
    payBack: (id: string, reason: string) => release(id, reason, true),

    /** What becomes of a claim whose scope closes with `exit`. */
    close: (id: string, claim: Claim, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
      switch (claim.endsAs(Exit.isSuccess(exit), chargeWhoLeaves === "free")) {
        case "charge":
          return charge(id, claim.left!)
        case "release":
          return release(id, reasonOf(exit), false)
        case "payBack":
          return release(id, reasonOf(exit), true)
        case "stands":
          return noteDelivered(id)
        case "nothing":
          return Effect.void
      }
    },

    /** Writes what is owed, as far as the ledger takes it. */
    again: Effect.suspend(() =>
      Effect.forEach(Array.from(owed), ([claim, how]) => end(claim, how), { discard: true, concurrency: "unbounded" }),
    ),
  }
}
