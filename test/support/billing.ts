import { Context, Deferred, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Accounts } from "../../src/billing/Accounts.ts"
import type { Terms } from "../../src/billing/Account.ts"
import { Billing, type Serving } from "../../src/billing/Billing.ts"
import { BillingError, LedgerUnavailable } from "../../src/billing/BillingError.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import type { OperationName } from "../../src/billing/Operations.ts"
import { Payer } from "../../src/billing/Payer.ts"
import type { Served, Usage } from "../../src/billing/Usage.ts"
import { Settings } from "../../src/Settings.ts"

type Run = Effect.Effect<unknown, BillingError>

/** Makes the ledger misbehave: what is set for an operation stands between it and whoever asks. */
export class LedgerFaults extends Context.Service<LedgerFaults, Map<OperationName, (run: Run) => Run>>()(
  "aviary/test/LedgerFaults",
) {
  static readonly layer = Layer.sync(LedgerFaults, () => new Map())
}

const unavailable = (kind: LedgerUnavailable["kind"]) =>
  Effect.fail(new BillingError({ reason: new LedgerUnavailable({ kind, message: "" }) }))

/** The operation is not made. */
export const down =
  (kind: LedgerUnavailable["kind"] = "failed") =>
  (_run: Run): Run =>
    unavailable(kind)

/** The operation is made, but its answer is lost, `times` times. */
export const answerLost = (times: number) => {
  let left = times
  return (run: Run): Run => (left-- > 0 ? Effect.andThen(run, unavailable("lost")) : run)
}

export const faultyLedger = Layer.effect(
  Ledger,
  Effect.gen(function* () {
    const [ledger, faults] = [yield* Ledger, yield* LedgerFaults]
    return Ledger.of({
      ...ledger,
      run: (name, input) =>
        Effect.suspend(() => (faults.get(name) ?? ((run: Run) => run))(ledger.run(name, input))) as never,
    })
  }),
).pipe(Layer.provide(SqliteLedger.layerMemory), Layer.provideMerge(LedgerFaults.layer))

/** The billing room over a ledger in memory that can be made to misbehave. */
export const billingRoom = Layer.mergeAll(Billing.layer, Accounts.layer).pipe(
  Layer.provideMerge(faultyLedger),
  Layer.provideMerge(Settings.layerTest()),
)

/** One micro-unit per code point and per second; a hit costs half, a follower a quarter. */
export const rates = {
  speechPerMillionCharacters: 1_000_000,
  transcriptionPerMinute: 60,
  hitShare: 5_000,
  coalescedShare: 2_500,
}

/** An account with 1,000 micro-units, and eyes to see what becomes of it. */
export const openWorld = Effect.fnUntraced(function* (terms: Terms = { kind: "prepaid", overdraft: 0 }) {
  const [billing, accounts, ledger, faults] = [yield* Billing, yield* Accounts, yield* Ledger, yield* LedgerFaults]
  yield* TestClock.adjust(1)
  if ((yield* accounts.rates).length === 1) yield* accounts.publishRates(rates)
  const { id } = yield* accounts.open({ name: "Test", terms })
  yield* accounts.deposit({ accountId: id, amount: 1_000 })
  const key = (idempotency: string | null, fingerprint: string) =>
    idempotency === null ? null : { key: idempotency, fingerprint }
  return {
    billing,
    accounts,
    ledger,
    faults,
    id,
    /** Runs as a request that this account pays for. */
    pays: <A, E, R>(request: Effect.Effect<A, E, R>, idempotency: string | null = null, fingerprint = "body") =>
      Effect.provideService(request, Payer, { accountId: id, keyId: null, idempotency: key(idempotency, fingerprint) }),
    /** Balance, live holds, and entries after the deposit, oldest first. */
    books: Effect.gen(function* () {
      const { balance, held } = yield* accounts.get(id)
      const entries = yield* billing.statement({ accountId: id, before: null, limit: 100 })
      return {
        balance,
        held,
        entries: entries
          .map(({ kind, amount }) => `${kind} ${amount}`)
          .toReversed()
          .slice(1),
      }
    }),
    stateOf: (holdId: string) =>
      Effect.map(ledger.run("hold", { holdId }), (hold) =>
        hold === null ? "none" : hold.reason === null ? hold.state : `${hold.state}: ${hold.reason}`,
      ),
  }
})

export const hundred = { kind: "speech", model: "magpie", characters: 100 } as const

/** Reserves and settles: a request of which nothing is left to do. */
export const charge = (billing: Billing["Service"], usage: Usage, serving: Serving) =>
  Effect.scoped(
    Effect.flatMap(billing.reserve(usage, { served: serving.served }), (hold) => billing.settle(hold, serving)),
  )

/** A request that reserves, works, settles; answers with the id of its hold. */
export const request = Effect.fnUntraced(function* (
  world: Effect.Success<ReturnType<typeof openWorld>>,
  work: Effect.Effect<unknown, unknown> = Effect.void,
  served: Served = "MISS",
) {
  const holdId = yield* Deferred.make<string>()
  const run = Effect.gen(function* () {
    const hold = yield* world.billing.reserve(hundred)
    yield* Deferred.succeed(holdId, hold.id)
    yield* work
    return yield* world.billing.settle(hold, { served })
  }).pipe(Effect.scoped, world.pays)
  return { holdId: Deferred.await(holdId), fiber: yield* Effect.forkChild(run) }
})
