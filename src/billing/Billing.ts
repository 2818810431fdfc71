import { Cause, Clock, Context, Duration, Effect, Exit, Layer, Schedule, Scope } from "effect"
import { randomUUIDv7 } from "node:crypto"
import { Settings } from "../Settings.ts"
import { tracedFn } from "../telemetry/Spans.ts"
import { type Assurance, makeAssurance } from "./Assurance.ts"
import { makeBeside, type WhenHeld } from "./Beside.ts"
import type { BillingError } from "./BillingError.ts"
import { Claim, countCharge, makeClaimEnds } from "./Claim.ts"
import { makeDelivered } from "./Receipts.ts"
import type { LedgerEntry } from "./LedgerEntry.ts"
import type { Hold, Settlement } from "./Hold.ts"
import { makeHoldReaper, makeRenewals } from "./HoldExpiry.ts"
import { Ledger } from "./Ledger.ts"
import type { Question, Serving as Servings, UsageQuery, UsageRow } from "./Operations.ts"
import { Payer } from "./Payer.ts"
import type { Abandoned, Served, Usage } from "./Usage.ts"
import { ForgetfulMap } from "../collections/Forgetful.ts"

/** The ids of holds, and of charges, which are named by them, follow each other in time: the ledger writes at one place, not all over its tables. */
const newHoldId = () => `hold_${randomUUIDv7()}`

/**
 * How a request was served, which sets its price.
 *
 * @property outcome kept for 24 hours for a request that repeats the idempotency key; beyond 1 MiB it is not kept
 */
export interface Serving {
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
   * Reserves and charges at once, in one durable change, what is there as a whole. Its end is that of a hold that was settled: it is paid
   * back unless `delivered` or `left` tells of its delivery. Where the hold is `replayed`, nothing was charged; `settle` does that.
   * Fails as `reserve` and `settle` do.
   */
  readonly charge: (usage: Usage, served: Served) => Effect.Effect<Hold, BillingError, Scope.Scope>
  /**
   * Whether the fiber's `Payer` is so sure to have its hold that what is charged for may begin `beside` it (`Assurance.ts`).
   */
  readonly isSure: (usage: Usage) => Effect.Effect<boolean>
  /**
   * Reserves as `reserve` does, and begins `work` meanwhile, which may give away and keep nothing before `whenHeld` says so. Its scope ends with the request's,
   * or at once where the hold is refused. Fails as `reserve` and the work do, by then with the work called off, or with the hold released.
   */
  readonly beside: <A, E, R>(
    usage: Usage,
    work: (whenHeld: WhenHeld) => Effect.Effect<A, E, R>,
  ) => Effect.Effect<readonly [Hold, A], BillingError | E, Exclude<R, Scope.Scope> | Scope.Scope>
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
  readonly settle: (hold: Hold, serving: Serving) => Effect.Effect<Settlement, BillingError>
  /** The whole answer is out: noted at once, so that a crash does not pay the charge back, and told to the ledger soon, which costs no write of its own. */
  readonly delivered: (hold: Hold) => Effect.Effect<void>
  /**
   * The client left. What it was handed is charged as `AVIARY_ABANDONED` says, by the scope, which first frees what the request kept
   * busy; where the ledger does not take it, it is tried again.
   */
  readonly left: (hold: Hold, abandoned: Abandoned) => Effect.Effect<void>
  /** An account's entries, newest first; none of an account that does not exist. */
  readonly statement: (query: Question<"statement">) => Effect.Effect<ReadonlyArray<LedgerEntry>, BillingError>
  /** Live holds of all accounts, newest first. */
  readonly holds: (limit: number) => Effect.Effect<ReadonlyArray<Hold>, BillingError>
  /** Speech from `from` (Unix milliseconds) until now, by how it was served. */
  readonly servings: (from: number) => Effect.Effect<ReadonlyArray<Servings>, BillingError>
  /** Charges less refunds, summed by bucket and group. */
  readonly usage: (query: UsageQuery) => Effect.Effect<ReadonlyArray<UsageRow>, BillingError>
  /** Fails while nobody can be charged since the ledger cannot be written. */
  readonly check: Effect.Effect<void, BillingError>
}

const reapInterval = "1 minute"

/** How soon the ledger is asked whether it is back, where it has not taken how a claim ended: until then the money is held, and its request is not over. */
const owedInterval = "2 seconds"
const longestOutcome = 1_048_576

const isLost = (error: BillingError) => error.reason._tag === "LedgerUnavailable" && error.reason.kind === "lost"

const kept = (outcome: string | undefined) =>
  outcome === undefined || outcome.length > longestOutcome ? null : outcome

/** A change that may or may not have been made is asked for so often, and so much later: with the same ids it is made once. */
const again = { times: 2, after: "200 millis" } as const

/** Asks until it is known whether the charge was made. Where that cannot be known, it is paid back. */
const chargeForCertain = <A extends Pick<Settlement, "replayed" | "served">>(
  made: Effect.Effect<A, BillingError>,
  payBack: () => Effect.Effect<void>,
  failed: (surely: boolean) => void = () => {},
) => {
  let doubtful = false
  // Not `Effect.retry`, which makes its schedule anew each time, for what hardly ever happens.
  const attempt = (left: number): Effect.Effect<A, BillingError> =>
    Effect.catch(made, (error) => {
      doubtful ||= isLost(error)
      if (isLost(error) && left > 0) return Effect.andThen(Effect.sleep(again.after), attempt(left - 1))
      failed(!doubtful)
      // Even if this attempt failed cleanly, an earlier one that was lost may have charged.
      return doubtful ? Effect.andThen(payBack(), Effect.fail(error)) : Effect.fail(error)
    })
  return Effect.tap(attempt(again.times), ({ replayed, served }) =>
    replayed && !doubtful ? Effect.void : countCharge(served),
  )
}

/** Those of open scopes, and which of them are renewed. */
interface Claims {
  readonly open: ForgetfulMap<string, Claim>
  readonly renewed: Set<string>
  readonly holdMillis: number
}

/** How claims are laid and closed. */
const makeLaying = (
  { holdMillis, open, renewed }: Claims,
  ends: ReturnType<typeof makeClaimEnds>,
  out: Effect.Success<typeof makeDelivered>,
) => {
  const close = (id: string, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
    const claim = open.get(id)
    open.delete(id)
    renewed.delete(id)
    return claim === undefined ? Effect.void : ends.close(id, claim, exit)
  }

  /** A claim of the fiber's payer, and what the ledger is asked for it. Ends with the scope. */
  const lay = (usage: Usage) =>
    Effect.contextWith((context: Context.Context<Scope.Scope>) => {
      const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
      const holdId = newHoldId()
      // Before the hold is made, so that an interruption finds it whether or not the ledger got to make it.
      // Not `Effect.addFinalizer`, which copies what the request carries.
      const closing = Scope.addFinalizerExit(Context.get(context, Scope.Scope), (exit) => {
        const ended = close(holdId, exit)
        return ended === Effect.void ? ended : Effect.updateContext(ended, () => context)
      })
      const asked = { ...Context.get(context, Payer), holdId, usage, expiresAt: now + holdMillis, now }
      return Effect.map(closing, () => {
        const claim = new Claim()
        open.set(holdId, claim)
        out.alongside()
        return { claim, asked }
      })
    })

  return { close, lay }
}

/** Charging at once what is there as a whole. */
const makeChargeAtOnce =
  (
    ledger: Ledger["Service"],
    { lay }: ReturnType<typeof makeLaying>,
    ends: ReturnType<typeof makeClaimEnds>,
    assurance: Assurance,
  ) =>
  (usage: Usage, served: Served) =>
    Effect.flatMap(lay(usage), ({ asked, claim }) => {
      claim.happens("settling")
      const made = Effect.map(ledger.run("charge", { ...asked, served }), ({ hold, settlement }) => ({
        hold,
        ...(settlement ?? { replayed: true, served }),
      }))
      const failed = (surely: boolean) => {
        assurance.doubt(asked)
        if (surely) claim.happens("refused")
      }
      return Effect.map(
        chargeForCertain(made, () => ends.payBack(asked.holdId, "in doubt"), failed),
        ({ hold }) => {
          claim.happens(hold.replayed ? "replayed" : "settled")
          assurance.learn(hold)
          return hold
        },
      )
    })

/** Reserving, settling and what is noted in between, of the `open` claims. */
const makeCharging = (
  ledger: Ledger["Service"],
  claims: Claims,
  ends: ReturnType<typeof makeClaimEnds>,
  out: Effect.Success<typeof makeDelivered>,
) => {
  const { open, renewed } = claims
  const laying = makeLaying(claims, ends, out)
  const { close, lay } = laying
  const assurance = makeAssurance()

  type Laid = Effect.Success<ReturnType<typeof lay>>
  const hold = tracedFn("Billing.reserve")(({ asked, claim }: Laid, { served, again }: Reservation = {}) => {
    const more = { ...(served === undefined ? {} : { served }), ...(again === true ? { again } : {}) }
    const refused = (error: BillingError) => {
      assurance.doubt(asked)
      if (!isLost(error)) claim.happens("refused")
      return Effect.fail(error)
    }
    return Effect.map(Effect.catch(ledger.run("reserve", { ...asked, ...more }), refused), (held) => {
      if (held.replayed) claim.happens("replayed")
      else renewed.add(held.id)
      assurance.learn(held)
      return held
    })
  })
  const reserve = (usage: Usage, how?: Reservation) => Effect.flatMap(lay(usage), (laid) => hold(laid, how))
  const release = (held: Hold, cause: Cause.Cause<unknown>) =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : close(held.claim, Exit.failCause(cause))

  const charge = (hold: Hold, { served, outcome }: Serving) =>
    Clock.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      const made = ledger.run("settle", { holdId: hold.id, served, outcome: kept(outcome), now })
      const claim = open.get(hold.claim)
      if (claim === undefined || !claim.happens("settling")) return made
      out.alongside()
      return Effect.map(
        chargeForCertain(made, () => ends.payBack(hold.claim, "in doubt")),
        (settlement) => {
          claim.happens("settled")
          return settlement
        },
      )
    })

  const left = (hold: Hold, abandoned: Abandoned) =>
    Effect.sync(() => {
      const claim = open.get(hold.claim)
      if (claim !== undefined) claim.left = abandoned
    })

  const settle = (hold: Hold, serving: Serving) =>
    // An interruption that waited for the charge takes effect after it: the client left with nothing, unless `left` says otherwise.
    Effect.uninterruptibleMask((restore) =>
      Effect.tap(charge(hold, serving), () =>
        Effect.onInterrupt(restore(Effect.yieldNow), () => left(hold, { served: serving.served, handed: 0, of: 1 })),
      ),
    )

  const delivered = (hold: Hold) =>
    Effect.suspend(() => (open.get(hold.claim)?.happens("delivered") ? out.note(hold.claim) : Effect.void))

  return {
    reserve,
    release,
    beside: makeBeside({ lay, hold, release, assurance }),
    charge: tracedFn("Billing.charge")(makeChargeAtOnce(ledger, laying, ends, assurance)),
    settle: tracedFn("Billing.settle")(settle),
    isSure: (usage: Usage) => Effect.map(Payer, (payer) => assurance.isSure(payer, usage)),
    left,
    delivered,
  }
}

/** Whatever becomes of it: it is tried again. */
const every = <E>(interval: Duration.Input, work: Effect.Effect<unknown, E>) =>
  work.pipe(
    Effect.catchCause((cause) => Effect.logWarning("The reaper could not work; it tries again", cause)),
    Effect.schedule(Schedule.spaced(interval)),
    Effect.forkScoped,
  )

const make = Effect.gen(function* () {
  const ledger = yield* Ledger
  const { holdTimeout, abandoned } = yield* Settings
  const holdMillis = Duration.toMillis(holdTimeout)

  /** Claims of open scopes. */
  const open = new ForgetfulMap<string, Claim>()
  const renewed = yield* makeRenewals(holdMillis)
  const out = yield* makeDelivered
  const ends = makeClaimEnds(ledger, abandoned, out.note)
  const charging = makeCharging(ledger, { open, renewed, holdMillis }, ends, out)

  const reap = yield* makeHoldReaper(holdMillis, () => Array.from(open.keys()))
  yield* Effect.addFinalizer(() => Effect.andThen(ends.again, out.flush))
  // What is out is said first: what is overdue and not known to be out is paid back.
  yield* every(reapInterval, Effect.andThen(out.flush, Effect.andThen(ends.again, reap)))
  const settleOwed = Effect.matchEffect(ledger.check, { onFailure: () => Effect.void, onSuccess: () => ends.again })
  yield* every(
    owedInterval,
    Effect.suspend(() => (ends.owes() ? settleOwed : Effect.void)),
  )

  return {
    ...charging,
    afford: Effect.fn("Billing.afford")(function* (usage: Usage, served: Served) {
      const payer = yield* Payer
      yield* ledger.run("afford", { ...payer, usage, served, now: yield* Clock.currentTimeMillis })
    }),
    check: ledger.check,
    statement: Effect.fn("Billing.statement")((query: Question<"statement">) => ledger.run("statement", query)),
    holds: Effect.fn("Billing.holds")(function* (limit: number) {
      return yield* ledger.run("holds", { limit, now: yield* Clock.currentTimeMillis })
    }),
    servings: Effect.fn("Billing.servings")(function* (from: number) {
      return yield* ledger.run("servings", { from, until: (yield* Clock.currentTimeMillis) + 1 })
    }),
    usage: Effect.fn("Billing.usage")((query: UsageQuery) => ledger.run("usage", query)),
  } satisfies Service
})

const freeHold = Effect.fnUntraced(function* (usage: Usage) {
  const { accountId, keyId } = yield* Payer
  const now = yield* Clock.currentTimeMillis
  const id = newHoldId()
  const hold: Hold = {
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
  return hold
})

const free: Service = {
  reserve: freeHold,
  charge: freeHold,
  isSure: () => Effect.succeed(false),
  beside: (usage, work) =>
    Effect.flatMap(Effect.scope, (scope) =>
      Effect.all([
        freeHold(usage),
        Scope.provide(
          work((then) => then()),
          scope,
        ),
      ] as const),
    ),
  release: () => Effect.void,
  check: Effect.void,
  settle: (hold, { served }) => freeSettlement(hold.id, hold.accountId, served),
  afford: () => Effect.void,
  delivered: () => Effect.void,
  left: () => Effect.void,
  statement: () => Effect.succeed([]),
  holds: () => Effect.succeed([]),
  servings: () => Effect.succeed([]),
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

/** Charges each request exactly once, or not at all. */
export class Billing extends Context.Service<Billing, Service>()("aviary/billing/Billing") {
  static readonly layer = Layer.effect(Billing, make)

  /** Everything is free and nothing is written down: for tests of what charges. */
  static readonly layerFree = Layer.succeed(Billing, free)
}
