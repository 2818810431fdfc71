import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { BillingError } from "../../src/billing/BillingError.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import type { Question, UsageQuery } from "../../src/billing/Operations.ts"
import { hundred, rates } from "../support/billing.ts"

const sqlite = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-ledger-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
    ),
    (folder) => Ledger.layerSqliteAt({ path: join(folder, "ledger.sqlite"), currency: "usd" }),
  ),
)

const refusal = <A>(run: Effect.Effect<A, BillingError>) => Effect.map(Effect.flip(run), (error) => error.reason)

const opened = Effect.gen(function* () {
  const ledger = yield* Ledger
  yield* ledger.run("publishRates", { now: 1, validFrom: 1, rates })
  yield* ledger.run("openAccount", { id: "a", name: "A", terms: { kind: "prepaid", overdraft: 50 }, now: 1 })
  yield* ledger.run("post", { operationId: "d", accountId: "a", kind: "deposit", amount: 200, reason: null, now: 1 })
  const reserve = (holdId: string, more: Partial<Question<"reserve">> = {}) =>
    ledger.run("reserve", {
      holdId,
      accountId: "a",
      keyId: null,
      usage: hundred,
      expiresAt: 100,
      idempotency: null,
      now: 2,
      ...more,
    })
  const settle = (holdId: string) => ledger.run("settle", { holdId, served: "MISS", outcome: null, now: 3 })
  const release = (holdId: string, refund = false) => ledger.run("release", { holdId, reason: "why", refund, now: 4 })
  const account = ledger.run("account", { id: "a", now: 5 })
  return { ledger, reserve, settle, release, account }
})

/** What every ledger does. */
const contract = (name: string, layer: Layer.Layer<Ledger, BillingError>) =>
  describe(name, () => {
    it.live("a hold ends once: settled stays settled, released stays released, and each says so", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle, release, account } = yield* opened
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

    it.live("reserving again with the same id reserves once", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* opened
        assert.deepStrictEqual(yield* reserve("h"), yield* reserve("h"))
        assert.deepInclude(yield* account, { balance: 200, held: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("a prepaid account goes down to its overdraft, live holds counted, also when all ask at once", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* opened
        const asked = Array.from({ length: 20 }, (_, index) => Effect.exit(reserve(`h${index}`)))
        const exits = yield* Effect.all(asked, { concurrency: "unbounded" })
        assert.strictEqual(exits.filter((exit) => exit._tag === "Success").length, 2)
        assert.deepInclude(yield* account, { balance: 200, held: 200 })
        assert.deepInclude(yield* refusal(reserve("more")), { _tag: "InsufficientQuota", available: 50, needed: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("an overdue hold is expired when its money is needed, before the reaper comes", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* opened
        yield* reserve("dead", { usage: { ...hundred, characters: 250 }, expiresAt: 10 })
        assert.deepInclude(yield* refusal(reserve("early", { now: 9 })), { _tag: "InsufficientQuota" })
        yield* reserve("late", { now: 10 })
        assert.deepInclude(yield* account, { held: 100 })
      }).pipe(Effect.provide(layer)),
    )

    it.live(
      "affording says what charging would, overdue holds and idempotency keys considered, and changes nothing",
      () =>
        Effect.gen(function* () {
          const { ledger, reserve, settle, account } = yield* opened
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

    it.live("a charge needs what is charged, not what a synthesis would cost", () =>
      Effect.gen(function* () {
        const { ledger, reserve, account } = yield* opened
        yield* reserve("h", { usage: { ...hundred, characters: 200 } })
        const charge = (holdId: string) =>
          ledger.run("charge", {
            ...{ holdId, accountId: "a", keyId: null, usage: hundred, served: "HIT", outcome: null },
            ...{ idempotency: null, expiresAt: 100, now: 2 },
          })
        assert.deepInclude(yield* charge("c"), { amount: 50, balance: 150 })
        assert.deepInclude(yield* refusal(charge("d")), { _tag: "InsufficientQuota", available: 0, needed: 50 })
        assert.deepInclude(yield* account, { balance: 150, held: 200 })
      }).pipe(Effect.provide(layer)),
    )

    it.live("renewing keeps a live hold from the reaper, and revives none that has ended", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* opened
        yield* reserve("h", { expiresAt: 10 })
        assert.deepStrictEqual(yield* ledger.run("renew", { holdId: "h", expiresAt: 20, now: 9 }), { live: true })
        assert.deepInclude(yield* ledger.run("reap", { now: 19, limit: 10 }), { expired: 0 })
        assert.deepInclude(yield* ledger.run("reap", { now: 20, limit: 10 }), { expired: 1 })
        assert.deepStrictEqual(yield* ledger.run("renew", { holdId: "h", expiresAt: 30, now: 21 }), { live: false })
      }).pipe(Effect.provide(layer)),
    )

    it.live("the caps of an account and of a key count charges and live holds of the UTC month", () =>
      Effect.gen(function* () {
        const { ledger, settle } = yield* opened
        yield* ledger.run("openAccount", { id: "m", name: "M", terms: { kind: "metered", monthlyCap: 250 }, now: 1 })
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
        assert.deepInclude(byAccount, { _tag: "CapReached", scope: "account", cap: 250, used: 200, needed: 100 })
        yield* ledger.run("release", { holdId: "three", reason: "", refund: false, now: 3 })
        yield* reserve("next month", "k", Date.UTC(1970, 1, 1))
      }).pipe(Effect.provide(layer)),
    )

    it.live("a revoked, expired or foreign key reserves nothing", () =>
      Effect.gen(function* () {
        const { ledger, reserve } = yield* opened
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

    it.live("the account of requests without a key stays metered, with a cap or without", () =>
      Effect.gen(function* () {
        const { ledger } = yield* opened
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
        const { ledger } = yield* opened
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
        const { ledger, account } = yield* opened
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
      }).pipe(Effect.provide(layer)),
    )

    it.live("a hold is priced by the rate card in force when it was reserved", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* opened
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
        const { ledger, reserve, settle } = yield* opened
        const publish = (validFrom: number, speechPerMillionCharacters: number) =>
          ledger.run("publishRates", { now: 10, validFrom, rates: { ...rates, speechPerMillionCharacters } })
        yield* publish(40, 9_000_000)
        assert.deepInclude(yield* publish(10, 2_000_000), { version: 4, validFrom: 10, validUntil: 40 })
        assert.deepInclude(yield* publish(20, 3_000_000), { version: 5, validFrom: 20, validUntil: 40 })
        yield* reserve("now", { now: 19, usage: { ...hundred, characters: 10 } })
        yield* reserve("between", { now: 39, usage: { ...hundred, characters: 10 } })
        assert.deepStrictEqual([(yield* settle("now")).amount, (yield* settle("between")).amount], [20, 30])
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

    it.live("a version that has not begun can be withdrawn, and then prices nothing; one that has begun stays", () =>
      Effect.gen(function* () {
        const { ledger, reserve, settle } = yield* opened
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
        const { ledger, release } = yield* opened
        const charge = (holdId: string, now: number, usage: Question<"reserve">["usage"]) =>
          ledger.run("charge", {
            holdId,
            accountId: "anonymous",
            keyId: null,
            usage,
            expiresAt: now + 9,
            idempotency: null,
            served: "MISS",
            outcome: null,
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

    it.live("an operation that cannot be stored is refused alone", () =>
      Effect.gen(function* () {
        const { reserve, account } = yield* opened
        const absurd = reserve("absurd", { usage: { ...hundred, characters: 0.5 } })
        const [bad, good] = yield* Effect.all([Effect.exit(absurd), Effect.exit(reserve("good"))], { concurrency: 2 })
        assert.deepStrictEqual([bad._tag, good._tag], ["Failure", "Success"])
        assert.strictEqual((yield* account).held, 100)
      }).pipe(Effect.provide(layer)),
    )
  })

contract("in memory", Ledger.layerMemory)
contract("in SQLite", sqlite)
