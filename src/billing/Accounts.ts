import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { randomUUID } from "node:crypto"
import type { Account, AccountState, Terms } from "./Account.ts"
import { type ApiKey, generateKey, hashKey, hintOf, type KeyLimits, noLimits } from "./ApiKey.ts"
import type { BillingError } from "./BillingError.ts"
import type { LedgerEntry } from "./LedgerEntry.ts"
import { Ledger } from "./Ledger.ts"
import { type Priority, usualPriority } from "./Priority.ts"
import type { RateCard, Rates } from "./RateCard.ts"

/** A key that has just been made. `text` is shown once and kept nowhere. */
export interface NewKey {
  readonly key: ApiKey
  readonly text: Redacted.Redacted<string>
}

/** @property operationId makes a repeated posting count once; made here unless given */
export interface Posting {
  readonly accountId: string
  /** Micro-units: above zero for a deposit, either way for an adjustment. */
  readonly amount: number
  readonly operationId?: string | undefined
}

/** Where the ledger does not answer, all of these fail with `LedgerUnavailable`. */
interface Service {
  /** Opens an account without money; its id is made here. */
  readonly open: (options: { readonly name: string; readonly terms: Terms }) => Effect.Effect<Account, BillingError>
  /** What is left out stays. Fails with `UnknownAccount`, or `NotAccepted` where the account cannot have these terms. */
  readonly change: (
    id: string,
    options: { readonly name?: string | undefined; readonly terms?: Terms | undefined },
  ) => Effect.Effect<Account, BillingError>
  /** Its keys are refused until it is unfrozen; what is under way goes on. Fails with `UnknownAccount` or `NotAccepted`. */
  readonly freeze: (id: string) => Effect.Effect<Account, BillingError>
  readonly unfreeze: (id: string) => Effect.Effect<Account, BillingError>
  /** For good: its keys are revoked, its entries and balance stay. Fails with `UnknownAccount` or `NotAccepted`. */
  readonly close: (id: string) => Effect.Effect<Account, BillingError>
  /** Fails with `UnknownAccount`. */
  readonly get: (id: string) => Effect.Effect<Account, BillingError>
  /** Oldest first. */
  readonly list: Effect.Effect<ReadonlyArray<Account>, BillingError>
  /** Fails, as `adjust` does, with `UnknownAccount`, or `NotAccepted` for an amount or operation id that cannot be. */
  readonly deposit: (
    posting: Posting & { readonly reason?: string | undefined },
  ) => Effect.Effect<LedgerEntry, BillingError>
  readonly adjust: (posting: Posting & { readonly reason: string }) => Effect.Effect<LedgerEntry, BillingError>
  /** Fails with `UnknownAccount`, or `NotAccepted` where the key would have expired already. */
  readonly createKey: (options: {
    readonly accountId: string
    readonly name: string
    /** Unix milliseconds. */
    readonly expiresAt?: number | undefined
    readonly limits?: Partial<KeyLimits> | undefined
    /** Absent: `normal`. */
    readonly priority?: Priority | undefined
  }) => Effect.Effect<NewKey, BillingError>
  /** Of one account (`UnknownAccount` if there is none), or of all. */
  readonly keys: (accountId?: string) => Effect.Effect<ReadonlyArray<ApiKey>, BillingError>
  /** Once and for all; again answers with the first time. Fails with `UnknownKey`. */
  readonly revokeKey: (id: string) => Effect.Effect<ApiKey, BillingError>
  /** A new version of the prices, from `validFrom` (Unix milliseconds) or at once. `NotAccepted` for a time in the past or taken. */
  readonly publishRates: (rates: Rates, validFrom?: number) => Effect.Effect<RateCard, BillingError>
  /** Takes back a version of the prices that has not begun (else `NotAccepted`); `UnknownRates` if there is none. */
  readonly withdrawRates: (version: number) => Effect.Effect<RateCard, BillingError>
  /** All versions but those withdrawn, oldest first. */
  readonly rates: Effect.Effect<ReadonlyArray<RateCard>, BillingError>
}

type KeysPart = Pick<Service, "createKey" | "keys" | "revokeKey">
type RatesPart = Pick<Service, "publishRates" | "withdrawRates" | "rates">

const keysOf = (ledger: Ledger["Service"]): KeysPart => ({
  createKey: Effect.fn("Accounts.createKey")(function* ({
    accountId,
    name,
    expiresAt,
    limits,
    priority = usualPriority,
  }) {
    const text = generateKey()
    const key = yield* ledger.run("addKey", {
      id: `key_${randomUUID()}`,
      accountId,
      name,
      hint: hintOf(text),
      hash: Redacted.value(hashKey(text)),
      expiresAt: expiresAt ?? null,
      limits: { ...noLimits, ...limits },
      priority,
      now: yield* Clock.currentTimeMillis,
    })
    return { key, text }
  }),
  keys: Effect.fn("Accounts.keys")((accountId) => ledger.run("keys", { accountId: accountId ?? null })),
  revokeKey: Effect.fn("Accounts.revokeKey")(function* (id) {
    return yield* ledger.run("revokeKey", { id, now: yield* Clock.currentTimeMillis })
  }),
})

const ratesOf = (ledger: Ledger["Service"]): RatesPart => ({
  publishRates: Effect.fn("Accounts.publishRates")(function* (rates, validFrom) {
    const now = yield* Clock.currentTimeMillis
    return yield* ledger.run("publishRates", { rates, validFrom: validFrom ?? now, now })
  }),
  withdrawRates: Effect.fn("Accounts.withdrawRates")(function* (version) {
    return yield* ledger.run("withdrawRates", { version, now: yield* Clock.currentTimeMillis })
  }),
  rates: Effect.suspend(() => ledger.run("rates", {})).pipe(Effect.withSpan("Accounts.rates")),
})

const make = Effect.gen(function* () {
  const ledger = yield* Ledger

  const get = Effect.fn("Accounts.get")(function* (id: string) {
    return yield* ledger.run("account", { id, now: yield* Clock.currentTimeMillis })
  })

  const post = Effect.fnUntraced(function* (
    kind: "deposit" | "adjustment",
    posting: Posting,
    reason: string | undefined,
  ) {
    const operationId = `${kind}:${posting.operationId ?? randomUUID()}`
    const now = yield* Clock.currentTimeMillis
    return yield* ledger.run("post", {
      operationId,
      accountId: posting.accountId,
      kind,
      amount: posting.amount,
      reason: reason ?? null,
      now,
    })
  })

  const put = Effect.fnUntraced(function* (id: string, state: AccountState) {
    const account = yield* ledger.run("changeAccountState", { id, state, now: yield* Clock.currentTimeMillis })
    yield* Effect.annotateLogs(Effect.logInfo(`An account is ${state}, on an operator's word`), { account: id })
    return account
  })

  return Accounts.of({
    open: Effect.fn("Accounts.open")(function* ({ name, terms }) {
      return yield* ledger.run("openAccount", {
        id: `acct_${randomUUID()}`,
        name,
        terms,
        now: yield* Clock.currentTimeMillis,
      })
    }),
    change: Effect.fn("Accounts.change")(function* (id, { name, terms }) {
      const now = yield* Clock.currentTimeMillis
      return yield* ledger.run("changeAccount", { id, name: name ?? null, terms: terms ?? null, now })
    }),
    freeze: Effect.fn("Accounts.freeze")((id) => put(id, "frozen")),
    unfreeze: Effect.fn("Accounts.unfreeze")((id) => put(id, "open")),
    close: Effect.fn("Accounts.close")((id) => put(id, "closed")),
    get,
    list: Effect.flatMap(Clock.currentTimeMillis, (now) => ledger.run("accounts", { now })).pipe(
      Effect.withSpan("Accounts.list"),
    ),
    deposit: Effect.fn("Accounts.deposit")((posting) => post("deposit", posting, posting.reason)),
    adjust: Effect.fn("Accounts.adjust")((posting) => post("adjustment", posting, posting.reason)),
    ...keysOf(ledger),
    ...ratesOf(ledger),
  })
})

/** What an operator does with accounts, keys and prices. */
export class Accounts extends Context.Service<Accounts, Service>()("aviary/billing/Accounts") {
  static readonly layer = Layer.effect(Accounts, make)
}
