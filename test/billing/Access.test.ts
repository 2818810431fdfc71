import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Logger, Redacted } from "effect"
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
      const first = yield* access.admit(caller, 10)
      assert.deepStrictEqual(first, { requests: { limit: 2, remaining: 1, resetMillis: 30_000 }, characters: null })
      assert.deepInclude((yield* access.admit(caller, 10)).requests, { remaining: 0 })
      const reason = yield* refusal(access.admit(caller, 10))
      assert.deepInclude(reason, { _tag: "RateLimited", limit: "requests", max: 2, retryAfterMs: 30_000 })
      yield* TestClock.adjust(30_000)
      yield* access.admit(caller, 10)
    }).pipe(Effect.provide(room("keys"))),
  )

  it.effect("characters per minute: a text that is too long for the minute is refused, a shorter one is not", () =>
    Effect.gen(function* () {
      const { access, text } = yield* withKey({ limits: { charactersPerMinute: 1_000 } })
      const caller = yield* access.authenticate(text)
      assert.deepInclude(yield* refusal(access.admit(caller, 1_001)), {
        _tag: "RateLimited",
        limit: "characters",
        max: 1_000,
      })
      assert.deepInclude((yield* access.admit(caller, 600)).characters, { limit: 1_000, remaining: 400 })
      assert.deepInclude(yield* refusal(access.admit(caller, 600)), {
        _tag: "RateLimited",
        limit: "characters",
        retryAfterMs: 12_000,
      })
      yield* access.admit(caller, 400)
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
      assert.deepStrictEqual(yield* none.access.admit(yield* none.access.authenticate(none.text), 1), {
        requests: null,
        characters: null,
      })
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
