/** What becomes of a request's claim to a charge: its states, and what is written when it ends. */
import { Clock, type Context, Effect, Exit, Metric } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { BillingError } from "./BillingError.ts"
import type { Ledger } from "./Ledger.ts"
import type { Abandoned, Served } from "./Usage.ts"
import { ForgetfulMap } from "../collections/Forgetful.ts"

/**
 * Where a request's claim to a charge stands.
 *
 * - `held` money is reserved, or may be: the ledger has not answered
 * - `doubtful` a charge may stand of which nobody knows
 * - `charged` it stands; the answer is not known to be out
 * - `ended` nothing is left to do when its scope closes
 */
type ClaimState = "held" | "doubtful" | "charged" | "ended"

/** What happens to it while its scope is open. `replayed`: an earlier request's charge is its own too. */
type ClaimEvent = "refused" | "replayed" | "settling" | "settled" | "delivered"

/** What is not here leaves it as it is. */
const next: Record<ClaimState, { readonly [Event in ClaimEvent]?: ClaimState }> = {
  held: { refused: "ended", replayed: "doubtful", settling: "doubtful" },
  doubtful: { refused: "ended", replayed: "doubtful", settling: "doubtful", settled: "charged" },
  charged: { delivered: "ended" },
  ended: {},
}

/** How its scope closes: the client left and pays for what it was handed, the request ended well, or it was broken off or left for free. */
type Close = "left" | "well" | "broken"

type ClaimEnd = "charge" | "release" | "payBack" | "stands" | "nothing"

/** What becomes of it then. */
const ends: Record<ClaimState, Record<Close, ClaimEnd>> = {
  held: { left: "charge", well: "release", broken: "release" },
  doubtful: { left: "payBack", well: "payBack", broken: "payBack" },
  charged: { left: "stands", well: "stands", broken: "payBack" },
  ended: { left: "nothing", well: "nothing", broken: "nothing" },
}

/** The claim of a request whose scope is open. */
export class Claim {
  state: ClaimState = "held"
  left: Abandoned | undefined = undefined

  /** Says whether it went on. */
  happens(event: ClaimEvent): boolean {
    const state = next[this.state][event]
    if (state === undefined) return false
    this.state = state
    return true
  }

  /** @param free whether who leaves pays nothing */
  endsAs(well: boolean, free: boolean): ClaimEnd {
    const pays = this.left !== undefined && this.left.handed > 0 && !free
    return ends[this.state][pays ? "left" : well && this.left === undefined ? "well" : "broken"]
  }
}

export const countCharge = (served: Served) =>
  Effect.contextWith((context: Context.Context<never>) => {
    Metrics.seriesOf(Metrics.charges, { cache: served }).updateUnsafe(1, context)
    return Effect.void
  })

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "not settled" : Exit.hasInterrupts(exit) ? "abandoned" : "failed"

/** Writes how claims end, and again until the ledger takes it. */
export const makeClaimEnds = (
  ledger: Ledger["Service"],
  chargeWhoLeaves: "share" | "full" | "free",
  noteDelivered: (claim: string) => Effect.Effect<void>,
) => {
  /** Ends that the ledger did not take. The reaper tries again. */
  const owed = new ForgetfulMap<string, Effect.Effect<unknown, BillingError>>()

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

    owes: () => owed.size > 0,

    /** Writes what is owed, as far as the ledger takes it. */
    again: Effect.suspend(() =>
      Effect.forEach(owed.entries(), ([claim, how]) => end(claim, how), { discard: true, concurrency: "unbounded" }),
    ),
  }
}
