import { Clock, Context, Duration, Effect, Layer, Redacted, Semaphore } from "effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { timingSafeEqual } from "node:crypto"
import { Settings } from "../Settings.ts"
import { anonymous } from "./Account.ts"
import { unusable } from "./Admission.ts"
import { hashKey, keyPrefix, type KeyLimits, noLimits } from "./ApiKey.ts"
import { BillingError, InvalidKey, RateLimited, TextAboveLimit } from "./BillingError.ts"
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

/** Per key; null where there is no limit. */
export interface Allowances {
  readonly requests: Allowance | null
  readonly characters: Allowance | null
}

interface Service {
  /**
   * The caller behind the text of a key. Without keys (`AVIARY_ACCESS=open`) anything that does not look like one of ours is anonymous,
   * since OpenAI's clients must send something; a key of ours must be good either way. Fails with `InvalidKey`, `KeyExpired`, `KeyRevoked`
   * or `LedgerUnavailable`.
   */
  readonly authenticate: (presented: Redacted.Redacted<string> | undefined) => Effect.Effect<Caller, BillingError>
  /**
   * Counts one request of `characters` code points against all of the caller's limits, or against none and fails, with `RateLimited` or
   * `TextAboveLimit`.
   */
  readonly admit: (caller: Caller, characters: number) => Effect.Effect<void, BillingError>
  /** What is left of the caller's limits now. */
  readonly allowances: (caller: Caller) => Effect.Effect<Allowances>
}

/** Who may ask, and how often. */
export class Access extends Context.Service<Access, Service>()("aviary/billing/Access") {
  static readonly layer = Layer.effect(
    Access,
    Effect.suspend(() => make),
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}

/** In which a bucket refills, in milliseconds. */
const minute = 60_000

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
    const reason = unusable(key, yield* Clock.currentTimeMillis)
    if (reason !== undefined) return yield* new BillingError({ reason })
    return { accountId: key.accountId, keyId: key.id, limits: key.limits }
  })

  /** Takes `tokens` out of one of the caller's buckets, or with 0 only looks. */
  const take = (limit: keyof Allowances, { keyId, limits }: Caller, tokens: number) => {
    const max = limits[`${limit}PerMinute`]
    if (keyId === null || max === null) return Effect.succeed(null)
    return limiter
      .consume({ algorithm: "token-bucket", window: minute, limit: max, key: `${limit}:${keyId}`, tokens })
      .pipe(
        Effect.map(({ remaining, resetAfter }) => ({
          limit: max,
          remaining: Math.floor(remaining),
          resetMillis: Math.ceil(Duration.toMillis(resetAfter)),
        })),
        // Nothing is taken that is not there, and the store is this process's memory.
        Effect.orDie,
      )
  }

  const allowances = (caller: Caller) =>
    Effect.all({ requests: take("requests", caller, 0), characters: take("characters", caller, 0) })

  const count = Effect.fn("Access.admit")(
    function* (caller: Caller, characters: number) {
      const refused = refusal(yield* allowances(caller), characters)
      if (refused !== undefined) return yield* new BillingError({ reason: refused })
      yield* take("requests", caller, 1)
      yield* take("characters", caller, characters)
    },
    Semaphore.withPermits(yield* Semaphore.make(1), 1),
  )

  const admit = (caller: Caller, characters: number) => (isLimited(caller) ? count(caller, characters) : Effect.void)

  return Access.of({ authenticate, admit, allowances })
})

/** Whether anything is counted of what the caller asks. */
export const isLimited = ({ keyId, limits }: Caller) =>
  keyId !== null && (limits.requestsPerMinute !== null || limits.charactersPerMinute !== null)

/** Why a request of `characters` cannot be let in now, if it cannot: the limit that takes longest to allow it. */
const refusal = (left: Allowances, characters: number): RateLimited | TextAboveLimit | undefined => {
  if (left.characters !== null && characters > left.characters.limit) {
    return new TextAboveLimit({ max: left.characters.limit, requested: characters })
  }
  const wanted = { requests: 1, characters }
  return (["requests", "characters"] as const)
    .flatMap((limit) => {
      const allowance = left[limit]
      if (allowance === null || allowance.remaining >= wanted[limit]) return []
      return new RateLimited({ limit, max: allowance.limit, retryAfterMs: untilThere(allowance, wanted[limit]) })
    })
    .toSorted((a, b) => b.retryAfterMs - a.retryAfterMs)[0]
}

/** Milliseconds until the bucket, which refills steadily, holds `tokens`: as long as to fill it, less the rest of the way. */
const untilThere = ({ limit, resetMillis }: Allowance, tokens: number): number =>
  Math.max(1, Math.ceil(resetMillis - (limit - tokens) * (minute / limit)))
