import { Cause, Clock, Context, Duration, Effect, Exit, Layer, Metric, Schedule, Scope } from "effect"
import { randomUUID } from "node:crypto"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { BillingError } from "./BillingError.ts"
import type { Entry } from "./Entry.ts"
import type { Hold, Settlement } from "./Hold.ts"
import { Ledger } from "./Ledger.ts"
import type { Question, UsageQuery, UsageRow } from "./Operations.ts"
import { Payer } from "./Payer.ts"
import { makeSetAhead } from "./SetAhead.ts"
import type { Part, Served, Usage } from "./Usage.ts"

/**
 * How a request was served, which sets its price.
 *
 * @property outcome kept for 24 hours for a request that repeats the idempotency key; beyond 1 MiB it is not kept
 */
export interface Delivery {
  readonly served: Served
  readonly outcome?: string | undefined
}

/**
 * @property served how it will be served, where that is known; what is reserved is then just its price
 * @property again pay anew where an earlier request with the same idempotency key has paid: what that was given is not there any more
 */
export interface Reservation {
  readonly served?: Served | undefined
  readonly again?: boolean | undefined
}

/** What a client that left had been handed, and how it was served. `of` may be an estimate. `handed` may be 0. */
export interface Abandoned extends Part {
  readonly served: Served
}

interface Service {
  /**
   * Reserves what `usage` costs, from the fiber's `Payer`. The hold lives as long as the scope: it is renewed while the scope is open.
   * When the scope closes, a hold that is not settled is released, unless `left` has said otherwise; and a charge is paid back unless
   * `delivered` or `left` has told of its delivery, or the scope ends well. A hold that is `replayed` was paid by an earlier request.
   *
   * Fails with `InsufficientQuota` or `CapReached` where it cannot be paid, `IdempotencyConflict` or `IdempotencyInProgress`, what is
   * wrong with the account or key, or `LedgerUnavailable`.
   */
  readonly reserve: (usage: Usage, how?: Reservation) => Effect.Effect<Hold, BillingError, Scope.Scope>
  /**
   * Whether the fiber's `Payer` could reserve this now: fails as `reserve` would. Writes and keeps nothing, so what it has said holds
   * only until another request spends it.
   */
  readonly afford: (usage: Usage, served: Served) => Effect.Effect<void, BillingError>
  /**
   * Releases a hold before its scope does, for whoever is about to say that the request failed: the money is free by then. Nobody
   * is told of an interruption, so that is left to the scope, which first frees what the request kept busy.
   */
  readonly release: (hold: Hold, cause: Cause.Cause<unknown>) => Effect.Effect<void>
  /**
   * Charges a hold, all of it. When this fails, whatever was charged is paid back; interrupted, it is made all the same, and the scope
   * decides. Settling again answers as the first time. Fails with `AlreadyReleased` where the hold has ended otherwise, or
   * `LedgerUnavailable`.
   */
  readonly settle: (hold: Hold, delivery: Delivery) => Effect.Effect<Settlement, BillingError>
  /** The whole answer is out. Until the ledger knows, which is soon and costs no write of its own, a crash pays the charge back. */
  readonly delivered: (hold: Hold) => Effect.Effect<void>
  /**
   * The client left. What it was handed is charged as `AVIARY_ABANDONED` says, by the scope, which first frees what the request kept
   * busy; where the ledger does not take it, it is tried again.
   */
  readonly left: (hold: Hold, abandoned: Abandoned) => Effect.Effect<void>
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
/** How long the ledger may not know that an answer is out, where no other change carries it there. */
const flushInterval = "1 second"
const reapLimit = 1000
const longestOutcome = 1_048_576

const isLost = (error: BillingError) => error.reason._tag === "LedgerUnavailable" && error.reason.kind === "lost"

const kept = (outcome: string | undefined) =>
  outcome === undefined || outcome.length > longestOutcome ? null : outcome

const endOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "not settled" : Exit.hasInterrupts(exit) ? "abandoned" : "failed"

/**
 * Where a request's claim stands. Once its scope closes:
 *
 * | state | and it | becomes of it |
 * |---|---|---|
 * | held | was left with something | charged, as `AVIARY_ABANDONED` says |
 * | held | otherwise | released |
 * | doubtful: a charge may stand that nobody was told of | | paid back |
 * | charged | was left with nothing, was broken off, or is free when left | paid back |
 * | charged | was left with something, or ended well | stands |
 * | ended | | stands |
 */
interface Claim {
  state: "held" | "doubtful" | "charged" | "ended"
  left?: Abandoned
}

const make = Effect.gen(function* () {
  const ledger = yield* Ledger
  const { holdTimeout, abandoned: chargeWhoLeaves } = yield* Settings
  const scope = yield* Effect.scope
  const holdMillis = Duration.toMillis(holdTimeout)

  /** Ends of claims that the ledger did not take. The reaper tries again. */
  const owed = new Map<string, Effect.Effect<unknown, BillingError>>()
  /** Claims of open scopes. */
  const open = new Map<string, Claim>()
  /** Claims whose answers are out, which the ledger does not know yet. */
  const out = new Set<string>()

  /** Ends a claim, now or once the ledger takes it. */
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

  const giveBack = (holdId: string, reason: string, refund: boolean) =>
    end(
      holdId,
      Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => ledger.run("release", { holdId, reason, refund, now })),
        Effect.tap(({ done }) => (done === "refunded" ? Metric.update(Metrics.refunds, 1) : Effect.void)),
      ),
    )

  const counted = (served: Served) => Metric.update(Metric.withAttributes(Metrics.charges, { cache: served }), 1)

  /** Charges a client that left before anything was. */
  const chargeLeft = (holdId: string, { served, handed, of }: Abandoned) =>
    end(
      holdId,
      Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => {
          const part = chargeWhoLeaves === "share" && handed < of ? { part: { handed, of } } : {}
          return ledger.run("settle", { holdId, served, outcome: null, now, ...part })
        }),
        Effect.tap(({ replayed }) => (replayed ? Effect.void : counted(served))),
        Effect.tap(() => markOut(holdId)),
      ),
    )

  const flush = Effect.suspend(() => {
    if (out.size === 0) return Effect.void
    const claims = [...out]
    out.clear()
    return Effect.catch(ledger.run("delivered", { claims }), () =>
      Effect.sync(() => claims.forEach((claim) => out.add(claim))),
    )
  })

  /** Sends what is out along with the change that is about to be asked for, in whose transaction it then is. */
  const alongside = Effect.suspend(() =>
    out.size === 0 ? Effect.void : Effect.forkIn(flush, scope, { startImmediately: true }),
  )

  const markOut = (claim: string) => Effect.sync(() => out.add(claim))

  // A change that may or may not have been made is asked for again: with the same ids it is made once.
  const certainly = <A>(change: Effect.Effect<A, BillingError>) =>
    Effect.retry(change, { while: isLost, times: 2, schedule: Schedule.spaced("200 millis") })

  /** Runs a charge to its end even when interrupted. Where its success cannot be told, the claim to it is given back. */
  const told = (claim: string, charge: Effect.Effect<Settlement, BillingError>) =>
    Effect.suspend(() => {
      let doubtful = false
      const attempt = Effect.tapError(charge, (error) => Effect.sync(() => (doubtful ||= isLost(error))))
      return certainly(attempt).pipe(
        // Even if this attempt failed cleanly, an earlier one that was lost may have charged.
        Effect.tapError(() => (doubtful ? giveBack(claim, "in doubt", true) : Effect.void)),
        Effect.tap(({ replayed, served }) => (replayed && !doubtful ? Effect.void : counted(served))),
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

  const leave = (id: string, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const claim = open.get(id)
      open.delete(id)
      const left = claim?.left !== undefined && claim.left.handed > 0 && chargeWhoLeaves !== "free"
      switch (claim?.state) {
        case "held":
          return left ? chargeLeft(id, claim.left!) : giveBack(id, endOf(exit), false)
        case "doubtful":
          return giveBack(id, endOf(exit), true)
        case "charged":
          return left || (claim.left === undefined && Exit.isSuccess(exit))
            ? markOut(id)
            : giveBack(id, endOf(exit), true)
        default:
          return Effect.void
      }
    })

  const reserve = Effect.fn("Billing.reserve")(function* (usage: Usage, { served, again }: Reservation = {}) {
    const payer = yield* Payer
    const now = yield* Clock.currentTimeMillis
    const holdId = `hold_${randomUUID()}`
    // Before the hold is made, so that an interruption finds it whether or not the ledger got to make it.
    yield* Effect.addFinalizer((exit) => leave(holdId, exit))
    const claim: Claim = { state: "held" }
    open.set(holdId, claim)
    yield* alongside
    const asked = {
      ...{ ...payer, holdId, usage, expiresAt: now + holdMillis, now },
      ...(served === undefined ? {} : { served }),
      ...(again === true ? { again } : {}),
    }
    const hold = yield* ledger
      .run("reserve", asked)
      .pipe(Effect.tapError((error) => Effect.sync(() => isLost(error) || (claim.state = "ended"))))
    if (hold.replayed) claim.state = "doubtful"
    else yield* Effect.forkScoped(renew(hold))
    return hold
  })

  const settle = Effect.fn("Billing.settle")((hold: Hold, delivery: Delivery) =>
    // An interruption that waited for the charge takes effect after it: the client left with nothing, unless told otherwise.
    Effect.uninterruptibleMask((restore) =>
      Effect.tap(charge(hold, delivery), () =>
        Effect.onInterrupt(restore(Effect.yieldNow), () => left(hold, { served: delivery.served, handed: 0, of: 1 })),
      ),
    ),
  )

  const charge = Effect.fnUntraced(function* (hold: Hold, { served, outcome }: Delivery) {
    const now = yield* Clock.currentTimeMillis
    const made = ledger.run("settle", { holdId: hold.id, served, outcome: kept(outcome), now })
    const claim = open.get(hold.claim)
    if (claim === undefined || claim.state === "charged" || claim.state === "ended") return yield* made
    claim.state = "doubtful"
    yield* alongside
    const settlement = yield* told(hold.claim, made)
    claim.state = "charged"
    return settlement
  })

  const afford = Effect.fn("Billing.afford")(function* (usage: Usage, served: Served) {
    const payer = yield* Payer
    yield* ledger.run("afford", { ...payer, usage, served, now: yield* Clock.currentTimeMillis })
  })

  const delivered = (hold: Hold) =>
    Effect.sync(() => {
      const claim = open.get(hold.claim)
      if (claim?.state !== "charged") return
      claim.state = "ended"
      out.add(hold.claim)
    })

  const left = (hold: Hold, abandoned: Abandoned) =>
    Effect.sync(() => {
      const claim = open.get(hold.claim)
      if (claim !== undefined) claim.left = abandoned
    })

  const reap = Effect.fnUntraced(function* () {
    const now = yield* Clock.currentTimeMillis
    const { expired } = yield* ledger.run("reap", { now, limit: reapLimit }).pipe(
      Effect.tap((done) => Metric.update(Metrics.holdsExpired, done.expired)),
      Effect.tap((done) => Metric.update(Metrics.refunds, done.refunded)),
      Effect.repeat({ until: (done) => Math.max(done.expired, done.refunded, done.forgotten) < reapLimit }),
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

  const payOwed = Effect.suspend(() =>
    Effect.forEach(Array.from(owed), ([claim, how]) => end(claim, how), { discard: true, concurrency: "unbounded" }),
  )

  yield* reap()
  yield* Effect.addFinalizer(() => Effect.andThen(payOwed, flush))
  yield* flush.pipe(Effect.schedule(Schedule.spaced(flushInterval)), Effect.forkScoped)
  // What is out is told first: what is overdue and not known to be out is paid back.
  yield* flush.pipe(
    Effect.andThen(payOwed),
    Effect.andThen(Effect.flatMap(setAhead, (millis) => (millis > holdMillis / 3 ? keepOpen : reap()))),
    Effect.catchCause((cause) => Effect.logWarning("The reaper could not work; it tries again", cause)),
    Effect.schedule(Schedule.spaced(reapInterval)),
    Effect.forkScoped,
  )

  return Billing.of({
    reserve,
    afford,
    release: (hold, cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : leave(hold.claim, Exit.failCause(cause))),
    settle,
    check: ledger.check,
    delivered,
    left,
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
  settle: (hold, { served }) => freeSettlement(hold.id, hold.accountId, served),
  afford: () => Effect.void,
  delivered: () => Effect.void,
  left: () => Effect.void,
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
