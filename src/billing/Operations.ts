import type { Account, AccountState, Terms } from "./Account.ts"
import type { ApiKey, KeyLimits } from "./ApiKey.ts"
import type { BillingReason } from "./BillingError.ts"
import type { EntryKind, LedgerEntry } from "./LedgerEntry.ts"
import type { Hold, Settlement } from "./Hold.ts"
import type { Priority } from "./Priority.ts"
import type { RateCard, Rates } from "./RateCard.ts"
import type { Part, Served, Usage } from "./Usage.ts"

interface At {
  /** Unix milliseconds. */
  readonly now: number
}

export interface Reserve extends At {
  readonly holdId: string
  readonly accountId: string
  readonly keyId: string | null
  readonly usage: Usage
  readonly expiresAt: number
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
  /** How it will be served, where that is known; otherwise what is reserved is enough for all ways. */
  readonly served?: Served
  /** Pay anew, though an earlier request with the same idempotency key has paid: what it was given is not there any more. */
  readonly again?: boolean
}

export interface Settle extends At {
  readonly holdId: string
  readonly served: Served
  /** Kept for a request that repeats the idempotency key; at most 1 MiB. */
  readonly outcome: string | null
  /** Of a client that left: what it was handed. Nothing of it is still to be delivered. */
  readonly part?: Part
}

export interface UsageQuery {
  /** Unix milliseconds; `until` is exclusive. */
  readonly from: number
  readonly until: number
  /** Width of a bucket. Buckets begin at multiples of it since 1970; the first and the last are cut by `from` and `until`. */
  readonly bucketMillis: number
  readonly groupBy: ReadonlyArray<"account" | "key" | "model" | "kind">
  readonly kind: Usage["kind"] | null
  /** Each null for all. */
  readonly accountIds: ReadonlyArray<string> | null
  readonly keyIds: ReadonlyArray<string> | null
  readonly models: ReadonlyArray<string> | null
}

export interface StatementQuery {
  readonly accountId: string
  readonly before: number | null
  readonly limit: number
  /** Each left out for all. */
  readonly kind?: EntryKind | undefined
  readonly keyId?: string | undefined
  /** Unix milliseconds; `until` is exclusive. */
  readonly from?: number | undefined
  readonly until?: number | undefined
}

/** Sums over one bucket and group. A member is null when it was not grouped by. */
export interface UsageRow {
  /** Unix milliseconds. */
  readonly bucketStart: number
  readonly accountId: string | null
  readonly keyId: string | null
  readonly model: string | null
  readonly kind: Usage["kind"] | null
  readonly requests: number
  /** Code points. */
  readonly characters: number
  /** Begun seconds. */
  readonly seconds: number
  /** Micro-units charged, refunds taken off. */
  readonly amount: number
}

/** Sums over all speech that was served in one way; refunds taken off. `amount` in micro-units. */
export interface Serving {
  readonly served: Served | null
  readonly requests: number
  /** Code points. */
  readonly characters: number
  readonly amount: number
}

/**
 * Everything a ledger can be asked: name, question and answer. Questions and answers are plain data, so that they can be sent to
 * another thread and made in batches. Those that change something can be repeated with the same ids and change nothing more.
 */
export interface Operations {
  readonly reserve: (input: Reserve) => Hold
  /** Refuses what `reserve` would refuse now; answers null otherwise. */
  readonly afford: (input: Omit<Reserve, "holdId" | "expiresAt" | "again"> & { readonly served: Served }) => null
  /** Charges a hold. Until `delivered` says that the answer is out, `reap` takes it for one that a crash kept back once its hold is overdue. */
  readonly settle: (input: Settle) => Settlement
  /**
   * Reserves and settles at once what is there as a whole, in one transaction. A hold that is replayed is not settled: its answer may not
   * be there any more.
   */
  readonly charge: (input: Reserve & { readonly served: Served }) => {
    readonly hold: Hold
    readonly settlement: Settlement | null
  }
  /** The answers of these claims are out: their charges stand whatever becomes of the gateway. */
  readonly delivered: (input: { readonly claims: ReadonlyArray<string> }) => null
  /**
   * Ends a live hold. With `refund`, a hold that was settled after all is paid back; otherwise a hold that has ended stays as it is.
   * `holdId` is the request's own, also where it was answered from another's hold: that one is paid back when nobody has a claim to it
   * any more.
   */
  readonly release: (input: At & { readonly holdId: string; readonly reason: string; readonly refund: boolean }) => {
    readonly done: "released" | "refunded" | "nothing"
  }
  /** Puts off a live hold's expiry; says whether it is live. */
  readonly renew: (input: At & { readonly holdId: string; readonly expiresAt: number }) => { readonly live: boolean }
  /** A hold as it is now; null once it is forgotten, 30 days after its end. */
  readonly hold: (input: { readonly holdId: string }) => Hold | null
  /**
   * Expires overdue holds, pays back charges whose answers never got out, and forgets what is too old to be asked for, `limit` of each
   * at most. `alone`: whoever asks knows that every other owner is gone, so all that is held or not known to be out is overdue.
   */
  readonly reap: (input: At & { readonly limit: number; readonly alone?: boolean }) => {
    readonly expired: number
    readonly refunded: number
    readonly forgotten: number
  }

  readonly openAccount: (input: At & { readonly id: string; readonly name: string; readonly terms: Terms }) => Account
  /** Null leaves what there is, so that two who each change one of them at once undo nothing. */
  readonly changeAccount: (
    input: At & { readonly id: string; readonly name: string | null; readonly terms: Terms | null },
  ) => Account
  /** Closed is for good. To say again what it is already changes nothing. */
  readonly changeAccountState: (input: At & { readonly id: string; readonly state: AccountState }) => Account
  readonly account: (input: At & { readonly id: string }) => Account
  readonly accounts: (input: At) => ReadonlyArray<Account>
  /** A deposit (above zero) or an adjustment (either way, with its reason). Asked again in all the same, it answers with the first entry. */
  readonly post: (
    input: At & {
      readonly operationId: string
      readonly accountId: string
      readonly kind: "deposit" | "adjustment"
      readonly amount: number
      readonly reason: string | null
    },
  ) => LedgerEntry

  readonly addKey: (
    input: At & {
      readonly id: string
      readonly accountId: string
      readonly name: string
      readonly hint: string
      readonly hash: string
      readonly expiresAt: number | null
      readonly limits: KeyLimits
      /** Absent: the usual one. */
      readonly priority?: Priority | undefined
    },
  ) => ApiKey
  /** Of one account, or of all. */
  readonly keys: (input: { readonly accountId: string | null }) => ReadonlyArray<ApiKey>
  /** Revoked once and for all; again answers with the first time. */
  readonly revokeKey: (input: At & { readonly id: string }) => ApiKey
  readonly keyByHash: (input: {
    readonly hash: string
  }) => { readonly key: ApiKey; readonly hash: string; readonly accountState: AccountState } | null

  /** Adds a version that holds from `validFrom` until the next later one's. It cannot begin in the past, or when another does. */
  readonly publishRates: (input: At & { readonly validFrom: number; readonly rates: Rates }) => RateCard
  /** Takes back a version that has not begun; answers with it. Its number is not given again. */
  readonly withdrawRates: (input: At & { readonly version: number }) => RateCard
  /** All versions but those withdrawn, oldest first. */
  readonly rates: (input: Record<never, never>) => ReadonlyArray<RateCard>

  /** Entries newest first; `before` is an entry id. */
  readonly statement: (input: StatementQuery) => ReadonlyArray<LedgerEntry>
  /** Live holds, newest first. */
  readonly holds: (input: At & { readonly limit: number }) => ReadonlyArray<Hold>
  readonly usage: (input: UsageQuery) => ReadonlyArray<UsageRow>
  /** Speech of a span of Unix milliseconds, by how it was served. */
  readonly servings: (input: { readonly from: number; readonly until: number }) => ReadonlyArray<Serving>
  /** Writes something that means nothing, to learn whether anything can be written. */
  readonly prove: (input: At) => null
  /** Sums every account's entries again; answers with the accounts whose running balance differs. */
  readonly verify: (
    input: Record<never, never>,
  ) => ReadonlyArray<{ readonly accountId: string; readonly balance: number; readonly sum: number }>
}

export type OperationName = keyof Operations
export type Question<K extends OperationName> = Parameters<Operations[K]>[0]
export type Answer<K extends OperationName> = ReturnType<Operations[K]>

/** One operation, as data. */
export interface Asked {
  readonly name: OperationName
  readonly input: unknown
}

export type Answered = { readonly answer: unknown } | { readonly refused: BillingReason }

/** Those that change nothing. They do not wait for a commit. */
export const queries: ReadonlySet<OperationName> = new Set<OperationName>([
  "afford",
  "hold",
  "holds",
  "account",
  "accounts",
  "keys",
  "keyByHash",
  "rates",
  "statement",
  "usage",
  "servings",
  "verify",
])

/** Queries that read for as long as it takes; the others must not wait behind them. */
export const reports: ReadonlySet<OperationName> = new Set<OperationName>(["statement", "usage", "verify"])
