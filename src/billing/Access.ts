import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { timingSafeEqual } from "node:crypto"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import { tracedFn } from "../telemetry/Spans.ts"
import { keyPrefix } from "../telemetry/Secrets.ts"
import { anonymous, stopped } from "./Account.ts"
import { digestOf, type KeyLimits, noLimits, unusable } from "./ApiKey.ts"
import { BillingError, InvalidKey, RateLimited, TextAboveLimit } from "./BillingError.ts"
import { Counters } from "./Counters.ts"
import { Ledger } from "./Ledger.ts"
import type { Answer } from "./Operations.ts"
import { type Priority, usualPriority } from "./Priority.ts"

/** Who asks: an account, and the key that was presented, if one was needed. */
export interface Caller {
  readonly accountId: string
  readonly keyId: string | null
  readonly limits: KeyLimits
  readonly priority: Priority
}

/** What is left of a limit: of `limit` in a minute, `remaining` now, and `resetMillis` until all are there again. */
export interface Allowance {
  readonly limit: number
  readonly remaining: number
  readonly resetMillis: number
}

/** Per key; null where there is no limit. */
export interface Allowances {
  readonly requests: Allowance | null
  readonly characters: Allowance | null
}

interface Service {
  /**
   * The caller behind the text of a key. Without keys (`AVIARY_ACCESS=open`) anything that does not look like one of ours is anonymous,
   * since OpenAI's clients must send something; a key of ours must be good either way. Fails with `InvalidKey`, `KeyExpired`, `KeyRevoked`,
   * `AccountFrozen`, `AccountClosed` or `LedgerUnavailable`.
   */
  readonly authenticate: (presented: Redacted.Redacted<string> | undefined) => Effect.Effect<Caller, BillingError>
  /**
   * Counts one request of `characters` code points against all of the caller's limits, or against none and fails, with `RateLimited` or
   * `TextAboveLimit`.
   */
  readonly admit: (caller: Caller, characters: number) => Effect.Effect<void, BillingError>
  /** Takes back what `admit` counted, for a request that was then refused for want of money. */
  readonly unadmit: (caller: Caller, characters: number) => Effect.Effect<void>
  /** What is left of the caller's limits now. */
  readonly allowances: (caller: Caller) => Effect.Effect<Allowances>
}

/** Longer than any key; what is longer is not hashed. */
const longestKey = 200

const nobody: Caller = { accountId: anonymous, keyId: null, limits: noLimits, priority: usualPriority }
const invalid = Effect.fail(new BillingError({ reason: new InvalidKey() }))

const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

const refuse = (reason: BillingError["reason"]) => Effect.fail(new BillingError({ reason }))

const make = Effect.gen(function* () {
  const ledger = yield* Ledger
  const counters = (yield* Counters)()
  const open = (yield* Settings).access !== "keys"

  const callerOf = (found: Answer<"keyByHash">, hash: string, now: number): Effect.Effect<Caller, BillingError> => {
    if (found === null || !same(found.hash, hash)) return invalid
    const { key, accountState } = found
    const reason = stopped(key.accountId, accountState) ?? unusable(key, now)
    if (reason !== undefined) return refuse(reason)
    return Effect.succeed({ accountId: key.accountId, keyId: key.id, limits: key.limits, priority: key.priority })
  }

  const authenticate = (presented: Redacted.Redacted<string> | undefined): Effect.Effect<Caller, BillingError> => {
    const text = presented === undefined ? "" : Redacted.value(presented)
    if (open && !text.startsWith(keyPrefix)) return Effect.succeed(nobody)
    if (presented === undefined || text === "" || text.length > longestKey) return invalid
    const hash = digestOf(presented)
    return Effect.flatMap(ledger.run("keyByHash", { hash }), (found) =>
      Clock.clockWith((clock) => callerOf(found, hash, clock.currentTimeMillisUnsafe())),
    )
  }

  const bucketOf = (limit: keyof Allowances, { keyId, limits }: Caller) => {
    const size = limits[`${limit}PerMinute`]
    if (keyId === null || size === null) return undefined
    return counters.bucket(`${limit}:${keyId}`, size)
  }

  const left = (limit: keyof Allowances, caller: Caller, now: number): Allowance | null => {
    const bucket = bucketOf(limit, caller)
    if (bucket === undefined) return null
    return {
      limit: bucket.size,
      remaining: (bucket.remaining ?? bucket.left)(now),
      resetMillis: bucket.untilThere(bucket.size, now),
    }
  }

  /** Takes from all of the caller's buckets. */
  const take = (caller: Caller, requests: number, characters: number, now: number) => {
    bucketOf("requests", caller)?.take(requests, now)
    bucketOf("characters", caller)?.take(characters, now)
  }

  const allowances = (caller: Caller) =>
    Effect.map(elapsedMillis, (now) => ({
      requests: left("requests", caller, now),
      characters: left("characters", caller, now),
    }))

  const admit = Effect.fnUntraced(function* (caller: Caller, characters: number) {
    if (!isLimited(caller)) return
    const wanted = { requests: 1, characters }
    for (const limit of ["requests", "characters"] as const) {
      const bucket = bucketOf(limit, caller)
      if (bucket !== undefined) yield* counters.fill(bucket, wanted[limit])
    }
    const now = yield* elapsedMillis
    const refused = (["requests", "characters"] as const).flatMap((limit) => {
      const [bucket, tokens] = [bucketOf(limit, caller), wanted[limit]]
      if (bucket === undefined || bucket.left(now) >= tokens) return []
      if (tokens > bucket.size) return new TextAboveLimit({ max: bucket.size, requested: tokens })
      return new RateLimited({ limit, max: bucket.size, retryAfterMs: Math.max(1, bucket.untilThere(tokens, now)) })
    })
    const [reason] = refused.toSorted((a, b) => waitOf(b) - waitOf(a))
    if (reason !== undefined) return yield* new BillingError({ reason })
    take(caller, 1, characters, now)
  })

  const unadmit = (caller: Caller, characters: number) =>
    Effect.map(elapsedMillis, (now) => take(caller, -1, -characters, now))

  return Access.of({ authenticate: tracedFn("Access.authenticate")(authenticate), admit, unadmit, allowances })
})

/** Whether anything is counted of what the caller asks. */
export const isLimited = ({ keyId, limits }: Caller) =>
  keyId !== null && (limits.requestsPerMinute !== null || limits.charactersPerMinute !== null)

/** Milliseconds; a text that is too long for its limit waits for ever. */
const waitOf = (refused: RateLimited | TextAboveLimit) =>
  refused._tag === "RateLimited" ? refused.retryAfterMs : Number.POSITIVE_INFINITY

/** Who may ask, and how often. */
export class Access extends Context.Service<Access, Service>()("aviary/billing/Access") {
  static readonly layer = Layer.effect(Access, make)
}
