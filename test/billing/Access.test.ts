import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { Access } from "../../src/billing/Access.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import { hashKey } from "../../src/billing/ApiKey.ts"
import type { BillingError } from "../../src/billing/BillingError.ts"
import { Settings } from "../../src/Settings.ts"
import { down, faultyLedger, LedgerFaults } from "../support/billing.ts"

const room = (access: "open" | "keys") =>
  Layer.mergeAll(Access.layer, Accounts.layer).pipe(
    Layer.provideMerge(faultyLedger),
    Layer.provide(Settings.layerTest({ access })),
  )

const refusal = <A>(effect: Effect.Effect<A, BillingError>) => Effect.map(Effect.flip(effect), (error) => error.reason)

const withKey = Effect.fnUntraced(function* (options: { readonly expiresAt?: number; readonly limits?: object } = {}) {
  const [access, accounts] = [yield* Access, yield* Accounts]
  const account = yield* accounts.open({ name: "Test", terms: { kind: "metered", monthlyCap: null } })
  const { key, text } = yield* accounts.createKey({ accountId: account.id, name: "Key", ...options })
  return { access, accounts, account, key, text }
})

describe("with keys", () => {
  it.effect("a key names its account, and nothing else opens", () =>
    Effect.gen(function* () {
      const { access, account, key, text } = yield* withKey()
      assert.match(Redacted.value(text), /^sk-aviary-[\w-]{43}$/)
      assert.strictEqual(key.hint, Redacted.value(text).slice(-4))
      assert.deepInclude(yield* access.authenticate(text), { accountId: account.id, keyId: key.id })
      const almost = Redacted.value(text).slice(0, -1)
      for (const wrong of [
        undefined,
        "",
        "sk-aviary-",
        "sk-dummy",
        almost,
        `${almost}!`,
        Redacted.value(hashKey(text)),
        "x".repeat(100_000),
      ]) {
        const presented = wrong === undefined ? undefined : Redacted.make(wrong)
        assert.deepInclude(yield* refusal(access.authenticate(presented)), { _tag: "InvalidKey" })
      }
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("a revoked key is refused from the next request on, an expired one from its date on", () =>
    Effect.gen(function* () {
      const { access, accounts, key, text } = yield* withKey({ expiresAt: 60_000 })
      yield* TestClock.adjust(59_999)
      yield* access.authenticate(text)
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* refusal(access.authenticate(text)), { _tag: "KeyExpired", at: 60_000 })
      yield* accounts.revokeKey(key.id)
      assert.deepInclude(yield* refusal(access.authenticate(text)), { _tag: "KeyRevoked", keyId: key.id })
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("when the ledger cannot say, nobody gets in", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey()
      ;(yield* LedgerFaults).set("keyByHash", down("locked"))
      assert.deepInclude(yield* refusal(access.authenticate(text)), { _tag: "LedgerUnavailable", kind: "locked" })
    }).pipe(Effect.provide(room("keys"))),
  )
})

describe("without keys", () => {
  it.effect("what does not look like one of our keys is anonymous; what does must be good", () =>
    Effect.gen(function* () {
      const { access, account, text } = yield* withKey()
      assert.deepInclude(yield* access.authenticate(undefined), { accountId: "anonymous", keyId: null })
      assert.deepInclude(yield* access.authenticate(Redacted.make("sk-dummy")), { accountId: "anonymous" })
      assert.deepInclude(yield* access.authenticate(text), { accountId: account.id })
      assert.deepInclude(yield* refusal(access.authenticate(Redacted.make("sk-aviary-made-up"))), {
        _tag: "InvalidKey",
      })
    }).pipe(Effect.provide(room("open"))),
  )
})

describe("limits of a key", () => {
  it.effect("requests per minute: says what is left, refuses with the time to wait, and lets in again after it", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 2 } })
      const caller = yield* access.authenticate(text)
      yield* access.admit(caller, 10)
      assert.deepStrictEqual(yield* access.allowances(caller), {
        requests: { limit: 2, remaining: 1, resetMillis: 30_000 },
        characters: null,
      })
      yield* access.admit(caller, 10)
      assert.deepInclude((yield* access.allowances(caller)).requests, { remaining: 0, resetMillis: 60_000 })
      const reason = yield* refusal(access.admit(caller, 10))
      assert.deepInclude(reason, { _tag: "RateLimited", limit: "requests", max: 2, retryAfterMs: 30_000 })
      yield* TestClock.adjust(29_999)
      assert.deepInclude(yield* refusal(access.admit(caller, 10)), { retryAfterMs: 1 })
      yield* TestClock.adjust(1)
      yield* access.admit(caller, 10)
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("characters per minute: a text waits until there is room for it, a shorter one need not", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { charactersPerMinute: 1_000 } })
      const caller = yield* access.authenticate(text)
      yield* access.admit(caller, 600)
      assert.deepInclude((yield* access.allowances(caller)).characters, { limit: 1_000, remaining: 400 })
      assert.deepInclude(yield* refusal(access.admit(caller, 600)), {
        _tag: "RateLimited",
        limit: "characters",
        max: 1_000,
        retryAfterMs: 12_000,
      })
      yield* access.admit(caller, 400)
      yield* access.admit(caller, 0)
      yield* TestClock.adjust(60_000)
      yield* access.admit(caller, 1_000)
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("a text longer than the minute allows is refused for good, whatever is left", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 1, charactersPerMinute: 1_000 } })
      const caller = yield* access.authenticate(text)
      const tooLong = { _tag: "TextAboveLimit", max: 1_000, requested: 1_001 } as const
      assert.deepInclude(yield* refusal(access.admit(caller, 1_001)), tooLong)
      yield* access.admit(caller, 1_000)
      assert.deepInclude(yield* refusal(access.admit(caller, 1_001)), tooLong)
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("a request that one limit refuses takes nothing from the other either", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 3, charactersPerMinute: 100 } })
      const caller = yield* access.authenticate(text)
      yield* access.admit(caller, 80)
      const left = yield* access.allowances(caller)
      for (const characters of [21, 500]) yield* refusal(access.admit(caller, characters))
      assert.deepStrictEqual(yield* access.allowances(caller), left)
      yield* access.admit(caller, 0)
      yield* access.admit(caller, 0)
      yield* refusal(access.admit(caller, 10))
      assert.deepInclude((yield* access.allowances(caller)).characters, { remaining: 20 })
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("beyond both limits the longer wait is told", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 1, charactersPerMinute: 60 } })
      const caller = yield* access.authenticate(text)
      yield* access.admit(caller, 60)
      const told = (characters: number) => refusal(access.admit(caller, characters))
      assert.deepInclude(yield* told(1), { limit: "requests", retryAfterMs: 60_000 })
      yield* TestClock.adjust(20_000)
      assert.deepInclude(yield* told(60), { retryAfterMs: 40_000 })
      assert.deepInclude(yield* told(20), { limit: "requests", retryAfterMs: 40_000 })
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("of requests that come at once exactly as many are let in as the limits allow", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 30, charactersPerMinute: 100 } })
      const caller = yield* access.authenticate(text)
      const exits = yield* Effect.forEach(
        Array.from({ length: 40 }, () => 10),
        (characters) => Effect.exit(access.admit(caller, characters)),
        { concurrency: "unbounded" },
      ).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, 16))
      assert.lengthOf(exits.filter(Exit.isSuccess), 10)
      assert.isTrue(exits.every((exit) => Exit.isSuccess(exit) || !Cause.hasDies(exit.cause)))
      const left = yield* access.allowances(caller)
      assert.deepStrictEqual([left.requests?.remaining, left.characters?.remaining], [20, 0])
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("what is given back is there again, and no more than the limit", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 2, charactersPerMinute: 100 } })
      const caller = yield* access.authenticate(text)
      const left = Effect.map(access.allowances(caller), ({ requests, characters }) => [
        requests?.remaining,
        characters?.remaining,
      ])
      yield* access.admit(caller, 70)
      assert.deepStrictEqual(yield* left, [1, 30])
      yield* access.unadmit(caller, 70)
      assert.deepStrictEqual(yield* left, [2, 100])
      yield* access.unadmit(caller, 70)
      assert.deepStrictEqual(yield* left, [2, 100])
      yield* access.admit(caller, 100)
      assert.deepInclude(yield* refusal(access.admit(caller, 1)), { limit: "characters" })
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("a limit that was spent while the clock ran ahead is there a minute later all the same", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { requestsPerMinute: 2 } })
      const caller = yield* access.authenticate(text)
      yield* TestClock.setTime(365 * 86_400_000)
      yield* access.admit(caller, 1)
      yield* access.admit(caller, 1)
      yield* refusal(access.admit(caller, 1))
      yield* TestClock.setTime(0)
      assert.deepInclude(yield* refusal(access.admit(caller, 1)), { retryAfterMs: 30_000 })
      yield* TestClock.adjust(30_000)
      yield* access.admit(caller, 1)
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("one key's limit is not another's, and none has none", () =>
    Effect.gen(function* () {
      const [one, other, none] = [
        yield* withKey({ limits: { requestsPerMinute: 1 } }),
        yield* withKey({ limits: { requestsPerMinute: 1 } }),
        yield* withKey(),
      ]
      for (const { access, text } of [one, other]) yield* access.admit(yield* access.authenticate(text), 1)
      const unlimited = yield* none.access.authenticate(none.text)
      yield* none.access.admit(unlimited, 1_000_000)
      assert.deepStrictEqual(yield* none.access.allowances(unlimited), { requests: null, characters: null })
    }).pipe(Effect.provide(room("keys"))),
  )
})

it.effect("neither a key nor its hash is in any error, log line or printed value", () => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message, cause }) => logged.push(inspect(message, { depth: 9 }), Cause.pretty(cause)))
  return Effect.gen(function* () {
    const { access, accounts, key, text } = yield* withKey({ limits: { requestsPerMinute: 1 } })
    const caller = yield* access.authenticate(text)
    yield* access.admit(caller, 1)
    const errors = [yield* Effect.exit(access.admit(caller, 1))]
    yield* accounts.revokeKey(key.id)
    errors.push((yield* Effect.exit(access.authenticate(text))) as never)
    ;(yield* LedgerFaults).set("keyByHash", down("corrupt")).set("addKey", down("full"))
    errors.push((yield* Effect.exit(access.authenticate(text))) as never)
    yield* Effect.logError("refused", errors, text, hashKey(text), yield* accounts.keys())
    const seen = [
      ...logged,
      inspect([errors, text, hashKey(text), caller, key], { depth: 9 }),
      JSON.stringify([errors, text, hashKey(text)]),
    ].join("\n")
    assert.include(seen, "KeyRevoked")
    assert.notInclude(seen, Redacted.value(text).slice(10, -4))
    assert.notInclude(seen, Redacted.value(hashKey(text)))
  }).pipe(Effect.provide(room("keys")), Effect.provide(Logger.layer([logger])))
})
