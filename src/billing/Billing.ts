import { Cause, Clock, Context, Duration, Effect, Exit, Layer, Metric, Schedule, Scope } from "effect"
import { randomUUID } from "node:crypto"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { BillingError } from "./BillingError.ts"
import type { Entry } from "./Entry.ts"
import type { Hold, Settlement } from "./Hold.ts"
import { Ledger } from "./Ledger.ts"
import type { Question, Reserve, UsageQuery, UsageRow } from "./Operations.ts"
import { Payer } from "./Payer.ts"
import { makeSetAhead } from "./SetAhead.ts"
import type { Served, Usage } from "./Usage.ts"

/**
 * How a request was served, which sets its price.
 *
 * @property outcome kept for 24 hours for a request that repeats the idempotency key; beyond 1 MiB it is not kept
 */
export interface Delivery {
  readonly served: Served
  readonly outcome?: string | undefined
}

interface Service {
  /**
   * Reserves what `usage` costs, from the fiber's `Payer`. The hold lives as long as the scope: it is renewed while the scope is open,
   * and released when the scope closes before `settle` has succeeded. A hold that is `replayed` was paid by an earlier request.
   *
   * Fails with `InsufficientQuota` or `CapReached` where it cannot be paid, `IdempotencyConflict` or `IdempotencyInProgress`, what is
   * wrong with the account or key, or `LedgerUnavailable`.
   */
  readonly reserve: (usage: Usage) => Effect.Effect<Hold, BillingError, Scope.Scope>
  /**
   * Releases a hold before its scope does, for whoever is about to say that the request failed: the money is free by then. Nobody
   * is told of an interruption, so that is left to the scope, which first frees what the request kept busy.
   */
  readonly release: (hold: Hold, cause: Cause.Cause<unknown>) => Effect.Effect<void>
  /**
   * Charges a hold. The charge stands if, and only if, this succeeds: when it fails or is interrupted, whatever was charged is paid back.
   * Settling again answers as the first time. Fails with `AlreadyReleased` where the hold has ended otherwise, or `LedgerUnavailable`.
   */
  readonly settle: (hold: Hold, delivery: Delivery) => Effect.Effect<Settlement, BillingError>
  /**
   * Whether the fiber's `Payer` could be charged now: fails as `charge` would. Writes and keeps nothing, so what it has said holds only
   * until another request spends it.
   */
  readonly afford: (usage: Usage, served: Served) => Effect.Effect<void, BillingError>
  /**
   * `reserve` and `settle` in one step, for what is already there. The charge stands if, and only if, this succeeds. Fails as
   * `reserve` does.
   */
  readonly charge: (usage: Usage, delivery: Delivery) => Effect.Effect<Settlement, BillingError>
  /** An account's entries, newest first; none of an account that does not exist. */
  readonly statement: (query: Question<"statement">) => Effect.Effect<ReadonlyArray<Entry>, BillingError>
  /** Charges less refunds, summed by bucket and group. */
  readonly usage: (query: UsageQuery) => Effect.Effect<ReadonlyArray<UsageRow>, BillingError>
  /** Fails while nobody can be charged since the ledger cannot be written. */
  readonly check: Effect.Effect<void, BillingError>
}

/** Charges each request exactly once, or not at all. */
export class Billing extends Context.Service<Billing, Service>()("aviary/billing/Billing") {
  static readonly layer = Layer.effect(
    Billing,
    Effect.suspend(() => make),
  )

  /** Everything is free and nothing is written down: for tests of what charges. */
  static readonly layerFree = Layer.sync(Billing, () => free)
}

const reapInterval = "1 minute"
const reapLimit = 1000
const longestOutcome = 1_048_576

const isLost = (error: BillingError) => error.reason._tag === "LedgerUnavailable" && error.reason.kind === "lost"

const kept = (outcome: string | undefined) =>
  outcome === undefined || outcome.length > longestOutcome ? null : outcome

const endOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "not settled" : Exit.hasInterrupts(exit) ? "abandoned" : "failed"

const make = Effect.gen(function* () {
  const ledger = yield* Ledger
  const { holdTimeout } = yield* Settings
  const holdMillis = Duration.toMillis(holdTimeout)

  /** Holds to release, or charges to pay back, that the ledger did not take. The reaper tries again. */
  const owed = new Map<string, { readonly reason: string; readonly refund: boolean }>()
  /** Claims of open scopes; `doubtful`: a charge may stand that nobody was told of. */
  const open = new Map<string, "held" | "doubtful" | "ended">()

  const giveBack = Effect.fnUntraced(function* (holdId: string, reason: string, refund: boolean) {
    owed.set(holdId, { reason, refund })
    const now = yield* Clock.currentTimeMillis
    yield* ledger.run("release", { holdId, reason, refund, now }).pipe(
      Effect.tap(({ done }) => {
        owed.delete(holdId)
        return done === "refunded" ? Metric.update(Metrics.refunds, 1) : Effect.void
      }),
      Effect.catch((error) => Effect.logWarning("A hold could not be released; it is tried again", error.message)),
    )
  }, Effect.uninterruptible)

  // A change that may or may not have been made is asked for again: with the same ids it is made once.
  const certainly = <A>(change: Effect.Effect<A, BillingError>) =>
    Effect.retry(change, { while: isLost, times: 2, schedule: Schedule.spaced("200 millis") })

  /** Runs a charge to its end even when interrupted. Where its success cannot be told, the claim to it is given back. */
  const told = (claim: string, charge: Effect.Effect<Settlement, BillingError>) =>
    Effect.uninterruptibleMask((restore) => {
      let doubtful = false
      const attempt = Effect.tapError(charge, (error) => Effect.sync(() => (doubtful ||= isLost(error))))
      return certainly(attempt).pipe(
        // Whatever the last attempt says: an earlier one may have been made.
        Effect.tapError(() => (doubtful ? giveBack(claim, "in doubt", true) : Effect.void)),
        // An interruption that waited for the charge takes effect here.
        Effect.tap(() => Effect.onInterrupt(restore(Effect.yieldNow), () => giveBack(claim, "abandoned", true))),
        Effect.tap(({ replayed, served }) =>
          replayed && !doubtful
            ? Effect.void
            : Metric.update(Metric.withAttributes(Metrics.charges, { cache: served }), 1),
        ),
      )
    })

  const renew = (hold: Hold) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      ledger.run("renew", { holdId: hold.id, expiresAt: now + holdMillis, now }),
    ).pipe(
      Effect.catch((error) =>
        Effect.as(Effect.logWarning("A hold could not be renewed; it is tried again", error.message), { live: true }),
      ),
      Effect.delay(holdMillis / 3),
      Effect.repeat({ while: ({ live }) => live }),
    )

  const leave = (claim: string, exit: Exit.Exit<unknown, unknown>) =>
    Effect.suspend(() => {
      const state = open.get(claim) ?? "ended"
      open.delete(claim)
      return state === "ended" ? Effect.void : giveBack(claim, endOf(exit), state === "doubtful")
    })

  /** A hold of the fiber's `Payer` that is yet to be made. */
  const newHold = Effect.fnUntraced(function* (usage: Usage) {
    const payer = yield* Payer
    const now = yield* Clock.currentTimeMillis
    return { ...payer, holdId: `hold_${randomUUID()}`, usage, expiresAt: now + holdMillis, now } satisfies Reserve
  })

  const reserve = Effect.fn("Billing.reserve")(function* (usage: Usage) {
    const asked = yield* newHold(usage)
    const { holdId } = asked
    // Before the hold is made, so that an interruption finds it whether or not the ledger got to make it.
    yield* Effect.addFinalizer((exit) => leave(holdId, exit))
    open.set(holdId, "held")
    const hold = yield* ledger
      .run("reserve", asked)
      .pipe(Effect.tapError((error) => Effect.sync(() => isLost(error) || open.set(holdId, "ended"))))
    if (hold.replayed) open.set(holdId, "doubtful")
    else yield* Effect.forkScoped(renew(hold))
    return hold
  })

  const settle = Effect.fn("Billing.settle")(function* (hold: Hold, { served, outcome }: Delivery) {
    const now = yield* Clock.currentTimeMillis
    const charge = ledger.run("settle", { holdId: hold.id, served, outcome: kept(outcome), now })
    if (open.get(hold.claim) === "ended") return yield* charge
    if (open.has(hold.claim)) open.set(hold.claim, "doubtful")
    const settlement = yield* told(hold.claim, charge)
    if (open.has(hold.claim)) open.set(hold.claim, "ended")
    return settlement
  })

  const afford = Effect.fn("Billing.afford")(function* (usage: Usage, served: Served) {
    const payer = yield* Payer
    yield* ledger.run("afford", { ...payer, usage, served, now: yield* Clock.currentTimeMillis })
  })

  const charge = Effect.fn("Billing.charge")(function* (usage: Usage, { served, outcome }: Delivery) {
    const asked = { ...(yield* newHold(usage)), served, outcome: kept(outcome) }
    return yield* told(asked.holdId, ledger.run("charge", asked))
  })

  const reap = Effect.fnUntraced(function* () {
    const now = yield* Clock.currentTimeMillis
    const { expired } = yield* ledger.run("reap", { now, limit: reapLimit }).pipe(
      Effect.tap((done) => Metric.update(Metrics.holdsExpired, done.expired)),
      Effect.repeat({ until: (done) => done.expired < reapLimit && done.forgotten < reapLimit }),
    )
    if (expired > 0) yield* Effect.logWarning(`${expired} holds expired: their owners are gone`)
  })

  const setAhead = yield* makeSetAhead

  /** Holds of living requests, which a clock that was set ahead made look overdue. Other gateways leave ours alone for as long. */
  const keepOpen = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.forEach(
      Array.from(open.keys()),
      (holdId) => Effect.ignore(ledger.run("renew", { holdId, expiresAt: now + holdMillis, now })),
      { discard: true, concurrency: "unbounded" },
    ),
  ).pipe(Effect.andThen(Effect.logWarning("The clock was set ahead: no hold expires for a minute")))

  const releaseOwed = Effect.suspend(() =>
    Effect.forEach(Array.from(owed), ([holdId, { reason, refund }]) => giveBack(holdId, reason, refund), {
      discard: true,
      concurrency: "unbounded",
    }),
  )

  yield* reap()
  yield* Effect.addFinalizer(() => releaseOwed)
  yield* releaseOwed.pipe(
    Effect.andThen(Effect.flatMap(setAhead, (millis) => (millis > holdMillis / 3 ? keepOpen : reap()))),
    Effect.catchCause((cause) => Effect.logWarning("The reaper could not work; it tries again", cause)),
    Effect.schedule(Schedule.spaced(reapInterval)),
    Effect.forkScoped,
  )

  return Billing.of({
    reserve,
    release: (hold, cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : leave(hold.claim, Exit.failCause(cause))),
    settle,
    check: ledger.check,
    afford,
    charge,
    statement: Effect.fn("Billing.statement")((query: Question<"statement">) => ledger.run("statement", query)),
    usage: Effect.fn("Billing.usage")((query: UsageQuery) => ledger.run("usage", query)),
  })
})

const free: Service = {
  reserve: Effect.fnUntraced(function* (usage: Usage) {
    const { accountId, keyId } = yield* Payer
    const now = yield* Clock.currentTimeMillis
    const id = `hold_${randomUUID()}`
    return {
      id,
      claim: id,
      accountId,
      keyId,
      usage,
      amount: 0,
      rateVersion: 1,
      state: "held",
      reason: null,
      createdAt: now,
      expiresAt: now,
      replayed: false,
      outcome: null,
    }
  }),
  release: () => Effect.void,
  check: Effect.void,
  afford: () => Effect.void,
  settle: (hold, { served }) => freeSettlement(hold.id, hold.accountId, served),
  charge: Effect.fnUntraced(function* (_usage: Usage, delivery: Delivery) {
    return yield* freeSettlement(`hold_${randomUUID()}`, (yield* Payer).accountId, delivery.served)
  }),
  statement: () => Effect.succeed([]),
  usage: () => Effect.succeed([]),
}

const freeSettlement = (holdId: string, accountId: string, served: Served) =>
  Effect.map(Clock.currentTimeMillis, (settledAt): Settlement => ({
    holdId,
    accountId,
    amount: 0,
    balance: 0,
    served,
    settledAt,
    replayed: false,
  }))
