import { Clock, Context, Duration, Effect, Layer, Redacted } from "effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { timingSafeEqual } from "node:crypto"
import { Settings } from "../Settings.ts"
import { anonymous } from "./Account.ts"
import { hashKey, keyPrefix, type KeyLimits, noLimits } from "./ApiKey.ts"
import { BillingError, InvalidKey, KeyExpired, KeyRevoked, LedgerUnavailable, RateLimited } from "./BillingError.ts"
import { Ledger } from "./Ledger.ts"

/** Who asks: an account, and the key that was presented, if one was needed. */
export interface Caller {
  readonly accountId: string
  readonly keyId: string | null
  readonly limits: KeyLimits
}

/** What is left of a limit: of `limit` in a minute, `remaining` now, and `resetMillis` until all are there again. */
export interface Allowance {
  readonly limit: number
  readonly remaining: number
  readonly resetMillis: number
}

interface Service {
  /**
   * The caller behind the text of a key. Without keys (`AVIARY_ACCESS=open`) anything that does not look like one of ours is anonymous,
   * since OpenAI's clients must send something; a key of ours must be good either way.
   */
  readonly authenticate: (presented: Redacted.Redacted<string> | undefined) => Effect.Effect<Caller, BillingError>
  /** Counts one request of `characters` code points against the caller's limits. Null where there is no limit. */
  readonly admit: (
    caller: Caller,
    characters: number,
  ) => Effect.Effect<{ readonly requests: Allowance | null; readonly characters: Allowance | null }, BillingError>
}

/** Who may ask, and how often. */
export class Access extends Context.Service<Access, Service>()("aviary/billing/Access") {
  static readonly layer = Layer.effect(
    Access,
    Effect.suspend(() => make),
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}

/** Longer than any key; what is longer is not hashed. */
const longestKey = 200

const nobody: Caller = { accountId: anonymous, keyId: null, limits: noLimits }
const invalid = new BillingError({ reason: new InvalidKey() })

const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

const make = Effect.gen(function* () {
  const ledger = yield* Ledger
  const limiter = yield* RateLimiter.RateLimiter
  const open = (yield* Settings).access !== "keys"

  const authenticate = Effect.fn("Access.authenticate")(function* (presented: Redacted.Redacted<string> | undefined) {
    const text = presented === undefined ? "" : Redacted.value(presented)
    if (open && !text.startsWith(keyPrefix)) return nobody
    if (presented === undefined || text === "" || text.length > longestKey) return yield* invalid
    const hash = Redacted.value(hashKey(presented))
    const found = yield* ledger.run("keyByHash", { hash })
    if (found === null || !same(found.hash, hash)) return yield* invalid
    const { key } = found
    if (key.revokedAt !== null)
      return yield* new BillingError({ reason: new KeyRevoked({ keyId: key.id, at: key.revokedAt }) })
    if (key.expiresAt !== null && key.expiresAt <= (yield* Clock.currentTimeMillis)) {
      return yield* new BillingError({ reason: new KeyExpired({ keyId: key.id, at: key.expiresAt }) })
    }
    return { accountId: key.accountId, keyId: key.id, limits: key.limits }
  })

  const count = Effect.fnUntraced(function* (
    limit: "requests" | "characters",
    keyId: string,
    max: number | null,
    tokens: number,
  ) {
    if (max === null) return null
    const taken = yield* limiter
      .consume({ algorithm: "token-bucket", window: "1 minute", limit: max, key: `${limit}:${keyId}`, tokens })
      .pipe(Effect.mapError((error) => limited(limit, max, error)))
    return {
      limit: max,
      remaining: Math.floor(taken.remaining),
      resetMillis: Math.ceil(Duration.toMillis(taken.resetAfter)),
    }
  })

  const admit = Effect.fn("Access.admit")(function* ({ keyId, limits }: Caller, characters: number) {
    if (keyId === null) return { requests: null, characters: null }
    return {
      requests: yield* count("requests", keyId, limits.requestsPerMinute, 1),
      characters: yield* count("characters", keyId, limits.charactersPerMinute, characters),
    }
  })

  return Access.of({ authenticate, admit })
})

const limited = (limit: "requests" | "characters", max: number, { reason }: RateLimiter.RateLimiterError) =>
  new BillingError({
    reason:
      reason._tag === "RateLimitExceeded"
        ? new RateLimited({ limit, max, retryAfterMs: Math.ceil(Duration.toMillis(reason.retryAfter)) })
        : new LedgerUnavailable({ kind: "failed", message: reason.message }),
  })
