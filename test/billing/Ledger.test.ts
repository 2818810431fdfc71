import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Question } from "../../src/billing/Operations.ts"
import type { Served } from "../../src/billing/Usage.ts"
import { hundred, rates } from "../support/billing.ts"
import { ledgers, openedLedger, refusal } from "../support/ledgers.ts"

for (const [name, layer] of ledgers)
  describe(name, () => {
    it.live("a hold ends once: settled stays settled, released stays released, and each says so", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle, release, account } = yield* openedLedger
        yield* reserve("s")
        yield* reserve("r")
        const first = yield* settle("s")
        assert.deepStrictEqual(yield* release("s"), { done: "nothing" })
        assert.deepStrictEqual(yield* settle("s"), { ...first, replayed: true })
        assert.deepStrictEqual(yield* release("r"), { done: "released" })
        assert.deepInclude(yield* refusal(settle("r")), { _tag: "AlreadyReleased", how: "released", reason: "why" })
        yield* reserve("e", { expiresAt: 10 })
        assert.deepInclude(yield* ledger.run("reap", { now: 10, limit: 10 }), { expired: 1 })
        assert.deepInclude(yield* refusal(settle("e")), { _tag: "AlreadyReleased", how: "expired" })
        assert.deepInclude(yield* refusal(settle("never")), { _tag: "AlreadyReleased", how: "unknown" })
        assert.deepInclude(yield* account, { balance: 100, held: 0, spentThisMonth: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("who repeats a request whose hold is overdue takes its place: one of the two can be charged", () =>
      Effect.gen(function* () {
        const { reserve, settle, account } = yield* openedLedger
        const idempotency = { key: "k", fingerprint: "body" }
        yield* reserve("first", { expiresAt: 10, idempotency })
        yield* reserve("repeat", { now: 10, idempotency })
        assert.deepInclude(yield* refusal(settle("first")), { _tag: "AlreadyReleased", how: "expired" })
        assert.deepInclude(yield* settle("repeat"), { amount: 100, replayed: false })
        assert.deepInclude(yield* account, { balance: 100, held: 0 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("reserving again with the same id reserves once", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* openedLedger
        const { more, ...first } = yield* reserve("h")
        assert.deepStrictEqual(yield* reserve("h"), first)
        assert.strictEqual(more, 1)
        assert.deepInclude(yield* account, { balance: 200, held: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("a hold says how many more like it could be had, by the narrowest limit there is", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* openedLedger
        const moreOf = (holdId: string, accountId: string, keyId: string | null = null, served?: Served) =>
          Effect.map(reserve(holdId, { accountId, keyId, ...(served && { served }) }), ({ more }) => more)
        const open = (id: string, monthlyCap: number | null) =>
          ledger.run("openAccount", { id, name: id, terms: { kind: "metered", monthlyCap }, now: 1 })
        const key = { name: "K", hint: "", expiresAt: null, now: 1 }
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: 300 }
        yield* open("endless", null)
        yield* open("capped", 1_000)
        for (const accountId of ["endless", "capped", "a"])
          yield* ledger.run("addKey", { ...key, id: `k-${accountId}`, hash: accountId, accountId, limits })
        assert.strictEqual(yield* moreOf("1", "endless"), null)
        assert.strictEqual(yield* moreOf("2", "endless", "k-endless"), 2)
        assert.strictEqual(yield* moreOf("3", "capped"), 9)
        assert.strictEqual(yield* moreOf("4", "capped"), 8)
        assert.strictEqual(yield* moreOf("5", "capped", "k-capped"), 2)
        assert.strictEqual(yield* moreOf("6", "a", "k-a"), 1)
        // However it is served itself: a hit costs half.
        assert.strictEqual(yield* moreOf("7", "capped", null, "HIT"), 6)
        // What costs nothing is never refused.
        yield* ledger.run("publishRates", { now: 2, validFrom: 2, rates: { ...rates, speechPerMillionCharacters: 0 } })
        assert.strictEqual(yield* moreOf("8", "a"), null)
        assert.strictEqual((yield* ledger.run("hold", { holdId: "1" }))?.more, undefined)
      }).pipe(Effect.provide(layer)),
    )

    it.live("a prepaid account goes down to its overdraft, live holds counted, also when all ask at once", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* openedLedger
        const asked = Array.from({ length: 20 }, (_, index) => Effect.exit(reserve(`h${index}`)))
        const exits = yield* Effect.all(asked, { concurrency: "unbounded" })
        assert.strictEqual(exits.filter((exit) => exit._tag === "Success").length, 2)
        assert.deepInclude(yield* account, { balance: 200, held: 200 })
        assert.deepInclude(yield* refusal(reserve("more")), { _tag: "InsufficientQuota", available: 50, needed: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("an overdue hold is expired when its money is needed, before the reaper comes", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* openedLedger
        yield* reserve("dead", { usage: { ...hundred, characters: 250 }, expiresAt: 10 })
        assert.deepInclude(yield* refusal(reserve("early", { now: 9 })), { _tag: "InsufficientQuota" })
        yield* reserve("late", { now: 10 })
        assert.deepInclude(yield* account, { held: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live(
      "affording says what reserving would, overdue holds and idempotency keys considered, and changes nothing",
      () =>
        Effect.gen(function* () {
          const { ledger, reserve, settle, account } = yield* openedLedger
          const afford = (more: Partial<Question<"afford">> = {}) =>
            ledger.run("afford", {
              ...{ accountId: "a", keyId: null, usage: hundred, served: "HIT", idempotency: null, now: 2 },
              ...more,
            })
          const idempotency = { key: "k", fingerprint: "body" }
          yield* reserve("live", { expiresAt: 50, idempotency })
          yield* reserve("other", { expiresAt: 50, usage: { ...hundred, characters: 101 } })
          const before = yield* ledger.commits
          assert.deepInclude(yield* refusal(afford()), { _tag: "InsufficientQuota", available: 49, needed: 50 })
          assert.deepInclude(yield* refusal(afford({ idempotency })), { _tag: "IdempotencyInProgress" })
          assert.deepInclude(yield* refusal(afford({ idempotency: { ...idempotency, fingerprint: "else" } })), {
            _tag: "IdempotencyConflict",
          })
          assert.isNull(yield* afford({ served: "COALESCED" }))
          assert.isNull(yield* afford({ now: 50, idempotency }))
          assert.deepInclude(yield* refusal(afford({ accountId: "none" })), { _tag: "UnknownAccount" })
          assert.strictEqual(yield* ledger.commits, before)
          assert.deepInclude(yield* account, { balance: 200, held: 201 })
          yield* settle("live")
          assert.isNull(yield* afford({ idempotency }))
        }).pipe(Effect.provide(layer)),
    )

    it.live("what is known to be a hit holds what a hit costs", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* openedLedger
        yield* reserve("h", { usage: { ...hundred, characters: 200 } })
        yield* reserve("hit", { served: "HIT" })
        assert.deepInclude(yield* account, { balance: 200, held: 250 })
        assert.deepInclude(yield* refusal(reserve("another", { served: "HIT" })), {
          ...{ _tag: "InsufficientQuota", available: 0, needed: 50 },
        })
      }).pipe(Effect.provide(layer)),
    )

    it.live("renewing keeps a live hold from the reaper, and revives none that has ended", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* openedLedger
        yield* reserve("h", { expiresAt: 10 })
        assert.deepStrictEqual(yield* ledger.run("renew", { holdId: "h", expiresAt: 20, now: 9 }), { live: true })
        // Late, or by a clock that was set back.
        yield* ledger.run("renew", { holdId: "h", expiresAt: 15, now: 9 })
        assert.deepInclude(yield* ledger.run("reap", { now: 19, limit: 10 }), { expired: 0 })
        assert.deepInclude(yield* ledger.run("reap", { now: 20, limit: 10 }), { expired: 1 })
        assert.deepStrictEqual(yield* ledger.run("renew", { holdId: "h", expiresAt: 30, now: 21 }), { live: false })
      }).pipe(Effect.provide(layer)),
    )

    it.live("what costs nothing is never refused, however much is owed", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* openedLedger
        const taken = { operationId: "t", accountId: "a", amount: -500, reason: "the bank took it back", now: 1 }
        yield* ledger.run("post", { ...taken, kind: "adjustment" })
        assert.deepInclude(yield* refusal(reserve("paid")), { _tag: "InsufficientQuota", available: -250, needed: 100 })
        assert.deepInclude(yield* reserve("free", { usage: { ...hundred, characters: 0 } }), { amount: 0 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("the caps of an account and of a key count charges and live holds of the UTC month", () =>
      Effect.gen(function* () {
        const { ledger, settle } = yield* openedLedger
        yield* ledger.run("openAccount", { id: "m", name: "M", terms: { kind: "metered", monthlyCap: 200 }, now: 1 })
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: 100 }
        yield* ledger.run("addKey", {
          id: "k",
          accountId: "m",
          name: "K",
          hint: "1234",
          hash: "h",
          expiresAt: null,
          limits,
          now: 1,
        })
        const reserve = (holdId: string, keyId: string | null, now = 2) =>
          ledger.run("reserve", {
            holdId,
            accountId: "m",
            keyId,
            usage: hundred,
            expiresAt: now + 100,
            idempotency: null,
            now,
          })
        yield* reserve("one", "k")
        const byKey = yield* refusal(reserve("two", "k"))
        assert.deepInclude(byKey, { _tag: "CapReached", scope: "key", cap: 100, used: 100, needed: 100 })
        yield* settle("one")
        assert.deepInclude(yield* refusal(reserve("two", "k")), { _tag: "CapReached", scope: "key" })
        yield* reserve("three", null)
        const byAccount = yield* refusal(reserve("four", null))
        assert.deepInclude(byAccount, { _tag: "CapReached", scope: "account", cap: 200, used: 200, needed: 100 })
        yield* ledger.run("release", { holdId: "three", reason: "", refund: false, now: 3 })
        const nextMonth = Date.UTC(1970, 1, 1)
        assert.deepInclude(yield* refusal(reserve("this month", "k", nextMonth - 1)), { scope: "key", used: 100 })
        yield* reserve("next month", "k", nextMonth)
      }).pipe(Effect.provide(layer)),
    )

    it.live("the cap of a key counts what that key spent and holds, and holds it on a prepaid account too", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* openedLedger
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: 100 }
        const key = { id: "k", accountId: "a", name: "K", hint: "", hash: "h", expiresAt: null, limits, now: 1 }
        yield* ledger.run("addKey", key)
        yield* reserve("others spent", { usage: { ...hundred, characters: 30 } })
        yield* settle("others spent")
        yield* reserve("others hold", { usage: { ...hundred, characters: 20 } })
        yield* reserve("own", { keyId: "k" })
        const one = { keyId: "k", usage: { ...hundred, characters: 1 } }
        assert.deepInclude(yield* refusal(reserve("more", one)), { scope: "key", cap: 100, used: 100, needed: 1 })
        yield* settle("own")
        assert.deepInclude(yield* refusal(reserve("more", one)), { scope: "key", cap: 100, used: 100, needed: 1 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("what is paid back is taken off the month that it was charged in, for the account and the key", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* openedLedger
        const [january, february] = [Date.UTC(1970, 0, 31), Date.UTC(1970, 1, 1)]
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: 100 }
        const key = { id: "k", accountId: "a", name: "K", hint: "", hash: "h", expiresAt: null, limits, now: 1 }
        yield* ledger.run("addKey", key)
        yield* reserve("h", { keyId: "k", now: january, expiresAt: february })
        yield* ledger.run("settle", { holdId: "h", served: "MISS", outcome: null, now: january })
        yield* ledger.run("release", { holdId: "h", reason: "", refund: true, now: february })
        for (const now of [january, february]) {
          assert.deepInclude(yield* ledger.run("account", { id: "a", now }), { balance: 200, spentThisMonth: 0 })
          yield* reserve(`again ${now}`, { keyId: "k", now, expiresAt: now + 1 })
          yield* ledger.run("release", { holdId: `again ${now}`, reason: "", refund: false, now })
        }
      }).pipe(Effect.provide(layer)),
    )

    it.live("a revoked, expired or foreign key reserves nothing", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* openedLedger
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: null }
        const add = (id: string, accountId: string, expiresAt: number | null) =>
          ledger.run("addKey", { id, accountId, name: id, hint: "", hash: id, expiresAt, limits, now: 1 })
        yield* add("revoked", "a", null)
        yield* add("expired", "a", 2)
        yield* add("foreign", "anonymous", null)
        yield* ledger.run("revokeKey", { id: "revoked", now: 1 })
        assert.deepInclude(yield* ledger.run("revokeKey", { id: "revoked", now: 9 }), { revokedAt: 1 })
        assert.deepInclude(yield* refusal(reserve("1", { keyId: "revoked" })), { _tag: "KeyRevoked", at: 1 })
        assert.deepInclude(yield* refusal(reserve("2", { keyId: "expired" })), { _tag: "KeyExpired", at: 2 })
        assert.deepInclude(yield* refusal(reserve("3", { keyId: "foreign" })), { _tag: "InvalidKey" })
        assert.deepInclude(yield* refusal(reserve("4", { keyId: "none" })), { _tag: "UnknownKey" })
        assert.deepInclude(yield* refusal(reserve("5", { accountId: "none" })), { _tag: "UnknownAccount" })
      }).pipe(Effect.provide(layer)),
    )

    it.live("an operation that cannot be stored is refused alone", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* openedLedger
        const absurd = reserve("absurd", { usage: { ...hundred, characters: 0.5 } })
        const [bad, good] = yield* Effect.all([Effect.exit(absurd), Effect.exit(reserve("good"))], { concurrency: 2 })
        assert.deepStrictEqual([bad._tag, good._tag], ["Failure", "Success"])
        assert.strictEqual((yield* account).held, 100)
      }).pipe(Effect.provide(layer)),
    )
  })
