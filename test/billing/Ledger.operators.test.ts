import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Question, UsageQuery } from "../../src/billing/Operations.ts"
import { hundred, rates } from "../support/billing.ts"
import { chargeIn, ledgers, openedLedger, refusal } from "../support/ledgers.ts"

for (const [name, layer] of ledgers)
  describe(name, () => {
    it.live("the account of requests without a key stays metered, with a cap or without", () =>
      Effect.gen(function* () {
        const { ledger } = yield* openedLedger
        const change = (terms: Question<"changeAccount">["terms"]) =>
          ledger.run("changeAccount", { id: "anonymous", name: "No key", terms, now: 2 })
        const refused = yield* refusal(change({ kind: "prepaid", overdraft: 0 }))
        assert.deepInclude(refused, {
          _tag: "NotAccepted",
          message:
            "The account anonymous pays for requests without a key, so it stays metered: prepaid, it would refuse all of them. To limit them, give it a monthly cap.",
        })
        const capped = { kind: "metered", monthlyCap: 5 } as const
        assert.deepInclude(yield* change(capped), { name: "No key", terms: capped })
      }).pipe(Effect.provide(layer)),
    )

    it.live("keys are listed of an account that there is, and none is made that has expired", () =>
      Effect.gen(function* () {
        const { ledger } = yield* openedLedger
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: null }
        const key = { id: "k", accountId: "a", name: "K", hint: "", hash: "h", limits }
        const dead = yield* refusal(ledger.run("addKey", { ...key, expiresAt: 2, now: 2 }))
        assert.deepInclude(dead, { message: "The key would have expired already, at 1970-01-01T00:00:00.002Z." })
        assert.deepStrictEqual(yield* ledger.run("keys", { accountId: "a" }), [])
        assert.deepInclude(yield* refusal(ledger.run("keys", { accountId: "none" })), { _tag: "UnknownAccount" })
      }).pipe(Effect.provide(layer)),
    )

    it.live("a posting with the same operation id counts once; the same id for another posting is refused", () =>
      Effect.gen(function* () {
        const { ledger, account } = yield* openedLedger
        const posting = {
          operationId: "p",
          accountId: "a",
          kind: "adjustment",
          amount: -30,
          reason: "goodwill",
          now: 2,
        } as const
        const first = yield* ledger.run("post", posting)
        assert.deepStrictEqual(yield* ledger.run("post", { ...posting, now: 9 }), first)
        assert.deepInclude(yield* refusal(ledger.run("post", { ...posting, amount: 30 })), { _tag: "NotAccepted" })
        const otherReason = yield* refusal(ledger.run("post", { ...posting, reason: "billed twice" }))
        assert.deepInclude(otherReason, {
          message:
            'This operation id made another entry before: an adjustment of -30 micro-units to a ("goodwill"). Repeat exactly that, or choose another id.',
        })
        assert.strictEqual((yield* account).balance, 170)
        const huge = { ...posting, operationId: "q", amount: 4e15 }
        assert.deepInclude(yield* refusal(ledger.run("post", huge)), { _tag: "NotAccepted" })
        const nothing = { ...posting, operationId: "r", amount: 0 }
        assert.deepInclude(yield* refusal(ledger.run("post", nothing)), { message: "An adjustment is not zero." })
        for (const amount of [0, -1]) {
          const deposit = ledger.run("post", { ...nothing, kind: "deposit", amount })
          assert.deepInclude(yield* refusal(deposit), { message: "A deposit is above zero." })
        }
      }).pipe(Effect.provide(layer)),
    )

    it.live("a hold is priced by the rate card in force when it was reserved", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* openedLedger
        const dearer = { ...rates, speechPerMillionCharacters: 2_000_000 }
        const past = ledger.run("publishRates", { now: 10, validFrom: 9, rates: dearer })
        assert.deepInclude(yield* refusal(past), { _tag: "NotAccepted" })
        yield* ledger.run("publishRates", { now: 10, validFrom: 20, rates: dearer })
        assert.deepInclude(yield* refusal(ledger.run("publishRates", { now: 10, validFrom: 20, rates })), {
          _tag: "NotAccepted",
        })
        yield* reserve("before", { now: 19, usage: { ...hundred, characters: 10 } })
        yield* reserve("after", { now: 20, usage: { ...hundred, characters: 10 } })
        assert.strictEqual((yield* settle("before")).amount, 10)
        assert.strictEqual((yield* settle("after")).amount, 20)
        const versions = yield* ledger.run("rates", {})
        assert.deepStrictEqual(
          versions.map((card) => [card.version, card.validFrom, card.validUntil]),
          [
            [1, 0, 1],
            [2, 1, 20],
            [3, 20, null],
          ],
        )
      }).pipe(Effect.provide(layer)),
    )

    it.live("a version may begin before one that is still to come, and holds until that one", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* openedLedger
        const publish = (validFrom: number, speechPerMillionCharacters: number) =>
          ledger.run("publishRates", { now: 10, validFrom, rates: { ...rates, speechPerMillionCharacters } })
        yield* publish(40, 9_000_000)
        assert.deepInclude(yield* publish(10, 2_000_000), { version: 4, validFrom: 10, validUntil: 40 })
        assert.deepInclude(yield* publish(20, 3_000_000), { version: 5, validFrom: 20, validUntil: 40 })
        yield* reserve("now", { now: 19, usage: { ...hundred, characters: 10 } })
        yield* reserve("between", { now: 39, usage: { ...hundred, characters: 10 } })
        assert.deepStrictEqual([(yield* settle("now")).amount, (yield* settle("between")).amount], [20, 30])
        yield* reserve("later", { now: 40, usage: { ...hundred, characters: 10 } })
        assert.strictEqual((yield* settle("later")).amount, 90)
        assert.deepStrictEqual(
          (yield* ledger.run("rates", {})).map((card) => [card.version, card.validFrom, card.validUntil]),
          [
            [1, 0, 1],
            [2, 1, 10],
            [4, 10, 20],
            [5, 20, 40],
            [3, 40, null],
          ],
        )
        assert.deepInclude(yield* refusal(publish(20, 1)), {
          _tag: "NotAccepted",
          message: "Version 5 begins at 1970-01-01T00:00:00.020Z too. Withdraw it first, or choose another time.",
        })
        assert.deepInclude(yield* refusal(publish(9, 1)), {
          message: "Prices cannot begin in the past: 1970-01-01T00:00:00.009Z is over, it is 1970-01-01T00:00:00.010Z.",
        })
      }).pipe(Effect.provide(layer)),
    )

    it.live(
      "nothing is reserved of an account that was stopped meanwhile; a hold of before is settled all the same",
      () =>
        Effect.gen(function* () {
          const { ledger, reserve, settle } = yield* openedLedger
          yield* reserve("before")
          const asked = {
            accountId: "a",
            keyId: null,
            usage: hundred,
            idempotency: null,
            served: "HIT",
            now: 3,
          } as const
          for (const [state, _tag] of [
            ["frozen", "AccountFrozen"],
            ["closed", "AccountClosed"],
          ] as const) {
            yield* ledger.run("changeAccountState", { id: "a", state, now: 3 })
            assert.deepInclude(yield* refusal(reserve("after")), { _tag, accountId: "a" })
            assert.deepInclude(yield* refusal(ledger.run("afford", asked)), { _tag })
            const hit = ledger.run("reserve", { ...asked, holdId: "hit", expiresAt: 100 })
            assert.deepInclude(yield* refusal(hit), { _tag })
          }
          assert.deepStrictEqual(yield* ledger.run("renew", { holdId: "before", expiresAt: 200, now: 4 }), {
            live: true,
          })
          assert.deepInclude(yield* settle("before"), { amount: 100, balance: 100 })
        }).pipe(Effect.provide(layer)),
    )

    it.live("prices that were to hold at once hold from then on, whatever the clock said then and says now", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* openedLedger
        const publish = (now: number, price: number, validFrom = now) =>
          ledger.run("publishRates", { now, validFrom, rates: { ...rates, speechPerMillionCharacters: price * 1e6 } })
        const priceAt = Effect.fnUntraced(function* (now: number) {
          const holdId = `${now} after ${(yield* ledger.run("rates", {})).length}`
          yield* reserve(holdId, { now, usage: { ...hundred, characters: 1 } })
          return (yield* settle(holdId)).amount
        })
        const aYearAhead = 31_536_000_000
        const { version } = yield* publish(aYearAhead, 3)
        assert.strictEqual(yield* priceAt(20), 3)
        assert.deepInclude(yield* refusal(ledger.run("withdrawRates", { version, now: 20 })), { _tag: "NotAccepted" })
        yield* publish(30, 4)
        assert.deepStrictEqual([yield* priceAt(40), yield* priceAt(aYearAhead + 1)], [4, 4])
        // A clock without a battery begins in 1970.
        yield* publish(5, 5)
        assert.strictEqual(yield* priceAt(50), 5)
        yield* publish(60, 6, 100)
        assert.deepStrictEqual([yield* priceAt(99), yield* priceAt(100)], [5, 6])
        yield* publish(110, 7)
        assert.deepStrictEqual([yield* priceAt(111), yield* priceAt(aYearAhead + 2)], [7, 7])
      }).pipe(Effect.provide(layer)),
    )

    it.live("a version that has not begun can be withdrawn, and then prices nothing; one that has begun stays", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* openedLedger
        const dear = { ...rates, speechPerMillionCharacters: 9_000_000 }
        const withdraw = (version: number, now: number) => ledger.run("withdrawRates", { version, now })
        yield* ledger.run("publishRates", { now: 10, validFrom: 20, rates: dear })
        assert.deepInclude(yield* withdraw(3, 19), { version: 3, validFrom: 20, speechPerMillionCharacters: 9_000_000 })
        assert.deepInclude(yield* refusal(withdraw(3, 19)), { _tag: "UnknownRates", version: 3 })
        yield* reserve("after", { now: 30, usage: { ...hundred, characters: 10 } })
        assert.strictEqual((yield* settle("after")).amount, 10)
        const again = yield* ledger.run("publishRates", { now: 19, validFrom: 20, rates: dear })
        assert.deepInclude(again, { version: 4, validFrom: 20 })
        const versions = (yield* ledger.run("rates", {})).map((card) => [card.version, card.validFrom, card.validUntil])
        assert.deepStrictEqual(versions, [
          [1, 0, 1],
          [2, 1, 20],
          [4, 20, null],
        ])
        for (const [version, validFrom] of [
          [5, 50],
          [6, 60],
        ] as const) {
          const next = yield* ledger.run("publishRates", { now: 20, validFrom, rates: dear })
          assert.deepInclude(next, { version })
        }
        yield* withdraw(6, 20)
        yield* withdraw(5, 20)
        assert.deepInclude(yield* ledger.run("publishRates", { now: 20, validFrom: 50, rates: dear }), { version: 7 })
        yield* withdraw(7, 20)
        assert.deepInclude(yield* refusal(withdraw(4, 20)), {
          _tag: "NotAccepted",
          message:
            "Version 4 began at 1970-01-01T00:00:00.020Z and is final. To change prices, publish another version.",
        })
        assert.deepInclude(yield* refusal(withdraw(1, 20)), { _tag: "NotAccepted" })
        assert.deepInclude(yield* refusal(withdraw(9, 20)), { _tag: "UnknownRates", version: 9 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("usage sums charges less refunds, by bucket and group; a statement pages from the newest", () =>
      Effect.gen(function* () {
        const { ledger, release } = yield* openedLedger
        const charge = (holdId: string, now: number, usage: Question<"reserve">["usage"]) =>
          chargeIn(ledger, {
            holdId,
            accountId: "anonymous",
            keyId: null,
            usage,
            expiresAt: now + 9,
            idempotency: null,
            served: "MISS",
            now,
          })
        yield* charge("1", 1_000, hundred)
        yield* charge("2", 1_999, { ...hundred, model: "other" })
        yield* charge("3", 2_000, { kind: "transcription", model: "parakeet", audioMillis: 1_001 })
        yield* charge("4", 2_001, hundred)
        yield* release("4", true)
        const query: UsageQuery = {
          from: 0,
          until: 3_000,
          bucketMillis: 1_000,
          groupBy: ["kind"],
          kind: null,
          accountIds: null,
          keyIds: null,
          models: null,
        }
        const none = { accountId: null, keyId: null, model: null }
        const told = yield* ledger.run("usage", { ...query, from: 1_000 })
        assert.deepStrictEqual(told, [
          { bucketStart: 1_000, ...none, kind: "speech", requests: 2, characters: 200, seconds: 0, amount: 200 },
          { bucketStart: 2_000, ...none, kind: "speech", requests: 1, characters: 100, seconds: 0, amount: 100 },
          { bucketStart: 2_000, ...none, kind: "transcription", requests: 1, characters: 0, seconds: 2, amount: 2 },
        ])
        const edges = yield* ledger.run("usage", { ...query, from: 1_999, until: 2_000 })
        assert.deepStrictEqual(
          edges.map(({ bucketStart, requests }) => [bucketStart, requests]),
          [[1_000, 1]],
        )
        const net = yield* ledger.run("usage", {
          ...query,
          bucketMillis: 3_000,
          groupBy: ["model"],
          kind: "speech",
          models: ["magpie"],
        })
        assert.deepStrictEqual(net, [
          {
            bucketStart: 0,
            ...none,
            model: "magpie",
            kind: null,
            requests: 1,
            characters: 100,
            seconds: 0,
            amount: 100,
          },
        ])
        const page = yield* ledger.run("statement", { accountId: "anonymous", before: null, limit: 2 })
        assert.deepStrictEqual(
          page.map((entry) => [entry.kind, entry.amount, entry.balance]),
          [
            ["refund", 100, -202],
            ["charge", -100, -302],
          ],
        )
        const rest = yield* ledger.run("statement", { accountId: "anonymous", before: page[1]?.id ?? 0, limit: 10 })
        assert.deepStrictEqual(
          rest.map((entry) => entry.holdId),
          ["3", "2", "1"],
        )
        assert.deepStrictEqual(yield* ledger.run("verify", {}), [])
      }).pipe(Effect.provide(layer)),
    )

    it.live("a statement is narrowed by kind, by key, by time, and by all of them at once", () =>
      Effect.gen(function* () {
        const { ledger } = yield* openedLedger
        const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: null }
        for (const id of ["k1", "k2"])
          yield* ledger.run("addKey", {
            ...{ id, accountId: "a", name: id, hint: "", hash: id, limits, expiresAt: null, now: 2 },
          })
        const charge = (holdId: string, keyId: string | null, now: number) =>
          chargeIn(ledger, {
            ...{ holdId, accountId: "a", keyId, usage: { ...hundred, characters: 10 }, expiresAt: now + 9 },
            ...{ idempotency: null, served: "MISS", now },
          })
        yield* charge("1", "k1", 10)
        yield* charge("2", "k2", 20)
        yield* charge("3", "k1", 30)
        yield* charge("4", null, 40)
        yield* ledger.run("post", {
          ...{ operationId: "x", accountId: "a", kind: "adjustment", amount: 5, reason: "why", now: 50 },
        })
        const of = (query: Partial<Question<"statement">>) =>
          Effect.map(ledger.run("statement", { accountId: "a", before: null, limit: 10, ...query }), (entries) =>
            entries.map(({ holdId, kind }) => holdId ?? kind),
          )
        assert.deepStrictEqual(yield* of({}), ["adjustment", "4", "3", "2", "1", "deposit"])
        assert.deepStrictEqual(yield* of({ kind: "charge" }), ["4", "3", "2", "1"])
        assert.deepStrictEqual(yield* of({ kind: "refund" }), [])
        assert.deepStrictEqual(yield* of({ keyId: "k1" }), ["3", "1"])
        assert.deepStrictEqual(yield* of({ keyId: "nobody's" }), [])
        assert.deepStrictEqual(yield* of({ from: 20, until: 40 }), ["3", "2"])
        assert.deepStrictEqual(yield* of({ kind: "charge", keyId: "k1", from: 11, until: 31 }), ["3"])
        assert.deepStrictEqual(yield* of({ keyId: "k1", limit: 1 }), ["3"])
        const [newest] = yield* ledger.run("statement", { accountId: "a", before: null, limit: 1, keyId: "k1" })
        assert.deepStrictEqual(yield* of({ keyId: "k1", before: newest!.id }), ["1"])
      }).pipe(Effect.provide(layer)),
    )
  })
