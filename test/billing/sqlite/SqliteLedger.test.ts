import { assert, describe, it, vi } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Metric } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Worker } from "node:worker_threads"
import { Ledger } from "../../../src/billing/Ledger.ts"
import * as SqliteLedger from "../../../src/billing/sqlite/SqliteLedger.ts"
import { migrate } from "../../../src/billing/sqlite/Migrations.ts"
import { Settings } from "../../../src/Settings.ts"
import * as Metrics from "../../../src/telemetry/Metrics.ts"
import { chargeIn } from "../../support/ledgers.ts"
import { hundred, rates } from "../../support/billing.ts"

const inFolder = <A, E, R>(use: (path: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-ledger-"))),
    (folder) => use(join(folder, "ledger.sqlite")),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
  )

type Options = Omit<Parameters<typeof SqliteLedger.layerAt>[0], "path" | "currency">

const open = (path: string, options: Options = {}) =>
  Effect.map(Layer.build(SqliteLedger.layerAt({ path, currency: "usd", ...options })), (context) => {
    const ledger = context.mapUnsafe.get(Ledger.key) as Ledger["Service"]
    const charge = (holdId: string) =>
      chargeIn(ledger, {
        ...{ holdId, accountId: "anonymous", keyId: null, usage: hundred, expiresAt: 100, idempotency: null },
        ...{ served: "HIT", now: 2 },
      })
    return { ledger, charge }
  })

const whyNot = (path: string, options: Options & { readonly currency?: string } = {}) =>
  Effect.map(Effect.flip(Effect.scoped(open(path, options))), (error) => error.reason)

const raw = (path: string, sql: string) => {
  const db = new DatabaseSync(path)
  try {
    db.exec(sql)
  } finally {
    db.close()
  }
}

describe("the ledger in SQLite", () => {
  it.live("keeps what it answered, in files that only their owner reads", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { ledger, charge } = yield* open(path)
            yield* ledger.run("publishRates", { now: 1, validFrom: 1, rates })
            yield* charge("h")
            for (const file of readdirSync(join(path, "..")))
              assert.strictEqual(statSync(join(path, "..", file)).mode & 0o077, 0, file)
          }),
        )
        const { ledger, charge } = yield* open(path)
        assert.deepInclude(yield* ledger.run("account", { id: "anonymous", now: 3 }), { balance: -50 })
        assert.deepInclude(yield* charge("h"), { amount: 50, balance: -50, replayed: true })
      }).pipe(Effect.scoped),
    ),
  )

  it.live("lies in the data directory, which it makes", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const dataDir = join(path, "..", "not", "there yet")
        const settings = Settings.layerTest({ dataDir })
        yield* Effect.scoped(Layer.build(SqliteLedger.layer.pipe(Layer.provide(settings))))
        assert.include(readdirSync(dataDir), "ledger.sqlite")
      }),
    ),
  )

  it.live("shares a transaction among operations that are asked at once", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { ledger, charge } = yield* open(path)
        const before = yield* ledger.commits
        const ids = Array.from({ length: 200 }, (_, index) => `h${index}`)
        yield* Effect.forEach(ids, charge, { concurrency: "unbounded", discard: true })
        assert.isBelow((yield* ledger.commits) - before, 10)
      }).pipe(Effect.scoped),
    ),
  )

  it.live("never changes an entry, a rate card, or the end of a hold, whoever asks", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open(path), ({ charge }) => charge("h")))
        for (const sql of [
          "UPDATE entries SET amount = 0",
          "DELETE FROM entries",
          "UPDATE rates SET hit_share = 0",
          "DELETE FROM rates",
          "UPDATE holds SET state = 'released'",
          "UPDATE holds SET state = 'held'",
        ]) {
          assert.throws(() => raw(path, sql), /final|ends once/, sql)
        }
      }),
    ),
  )

  it.live("refuses to start on a damaged file, and does not touch it", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        writeFileSync(path, "not a database, but long enough to be looked at as one. ".repeat(100))
        const before = readFileSync(path)
        assert.deepInclude(yield* whyNot(path), {
          ...{ _tag: "LedgerUnavailable", kind: "corrupt" },
          message: `The ledger ${path} cannot be used: file is not a database. Restore it from a backup, or move it away, or set AVIARY_DATA_DIR to another directory.`,
        })
        assert.isTrue(readFileSync(path).equals(before))
      }),
    ),
  )

  it.live.each(["entries", "holds"])("refuses to start on a ledger where a page of its %s is damaged", (table) =>
    inFolder((path) =>
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(open(path), ({ charge }) => Effect.forEach(["a", "b", "c"], charge)))
        raw(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        const db = new DatabaseSync(path)
        const page = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table)?.["rootpage"] as number
        db.close()
        const bytes = readFileSync(path)
        bytes.fill(0xa5, (page - 1) * 4096, page * 4096)
        writeFileSync(path, bytes)
        assert.deepInclude(yield* whyNot(path), { _tag: "LedgerUnavailable", kind: "corrupt" })
      }),
    ),
  )

  it.live("refuses to start on another program's database, on a newer ledger, and in another currency", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        raw(`${path}.other`, "CREATE TABLE theirs (a)")
        assert.deepInclude(yield* whyNot(`${path}.other`), {
          kind: "corrupt",
          message: `The ledger ${path}.other cannot be used: the database is not an Aviary ledger. Restore it from a backup, or move it away, or set AVIARY_DATA_DIR to another directory.`,
        })
        yield* Effect.scoped(Effect.flatMap(open(path), ({ charge }) => charge("h")))
        const foreign = SqliteLedger.layerAt({ path, currency: "eur" })
        const error = yield* Effect.flip(Effect.scoped(Layer.build(foreign)))
        assert.strictEqual(
          error.message,
          `The ledger ${path} cannot be used: it is kept in usd, not in eur. Set AVIARY_CURRENCY=usd, or use another AVIARY_DATA_DIR.`,
        )
        raw(path, "PRAGMA user_version = 99")
        assert.deepInclude(yield* whyNot(path), { kind: "newer" })
      }),
    ),
  )

  it.live(
    "brings an older ledger up to date: what it had charged is replayed, and not paid back by whoever gives up",
    () =>
      inFolder((path) =>
        Effect.gen(function* () {
          const old = new DatabaseSync(path)
          migrate(old, 1)
          old.exec(`
          INSERT INTO meta VALUES ('currency', 'usd');
          INSERT INTO holds VALUES ('h', 'anonymous', NULL, 'speech', 'm', 100, 0, 1, 'settled', NULL, 1, 9, 2, 'a text');
          INSERT INTO entries (operation_id, at, account_id, hold_id, kind, amount, balance, served)
            VALUES ('charge:h', 2, 'anonymous', 'h', 'charge', 0, 0, 'MISS');
          INSERT INTO idempotency VALUES ('anonymous', 'k', 'body', 'h', 1);
        `)
          old.close()
          const { ledger } = yield* open(path)
          const again = { accountId: "anonymous", keyId: null, usage: hundred, expiresAt: 100, now: 3 }
          const idempotency = { key: "k", fingerprint: "body" }
          const hold = yield* ledger.run("reserve", { ...again, holdId: "b", idempotency })
          assert.deepInclude(hold, { id: "h", claim: "b", replayed: true, outcome: "a text" })
          const given = yield* ledger.run("release", { holdId: "b", reason: "gave up", refund: true, now: 4 })
          assert.deepStrictEqual(given, { done: "nothing" })
        }).pipe(Effect.scoped),
      ),
  )

  it.live(
    "brings an older ledger's prices up to date: what has priced something is in force, whatever the clock says",
    () =>
      inFolder((path) =>
        Effect.gen(function* () {
          const old = new DatabaseSync(path)
          migrate(old, 2)
          const later = Date.now() + 86_400_000
          old.exec(`
          INSERT INTO meta VALUES ('currency', 'usd');
          INSERT INTO rates VALUES (2, ${later}, 2000000, 0, 10000, 10000), (3, ${later + 1}, 9000000, 0, 10000, 10000);
          INSERT INTO entries (operation_id, at, account_id, kind, amount, balance, rate_version)
            VALUES ('charge:h', ${later}, 'anonymous', 'charge', 0, 0, 2);
        `)
          old.close()
          const { ledger } = yield* open(path)
          const asked = { accountId: "anonymous", keyId: null, usage: hundred, idempotency: null }
          const hold = yield* ledger.run("reserve", { ...asked, holdId: "h", now: later - 1_000, expiresAt: later })
          assert.deepInclude(hold, { amount: 200, rateVersion: 2 })
        }).pipe(Effect.scoped),
      ),
  )

  it.live("keeps nothing of what a request left when its key is forgotten, nor of who had a claim to its charge", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { ledger } = yield* open(path)
        const ask = { accountId: "anonymous", keyId: null, usage: hundred, expiresAt: 100, served: "HIT" } as const
        const repeated = { idempotency: { key: "k", fingerprint: "body" }, outcome: "a private text", now: 2 }
        for (const holdId of ["h", "again"]) yield* chargeIn(ledger, { ...ask, ...repeated, holdId })
        const day = 86_400_000
        const kept = (table: string) =>
          Effect.sync(() => {
            const db = new DatabaseSync(path)
            const rows = db.prepare(`SELECT * FROM ${table}`).all()
            db.close()
            return rows.length
          })
        const books = Effect.all(["idempotency", "claims", "holds", "entries"].map(kept))
        yield* ledger.run("reap", { now: day + 1, limit: 10 })
        assert.deepStrictEqual(yield* books, [1, 2, 1, 1])
        yield* ledger.run("reap", { now: day + 2, limit: 10 })
        assert.deepStrictEqual(yield* books, [0, 2, 1, 1])
        yield* ledger.run("reap", { now: 30 * day + 2, limit: 10 })
        assert.deepStrictEqual(yield* books, [0, 0, 0, 1])
      }).pipe(Effect.scoped),
    ),
  )

  it.live("takes another currency until there is an entry, and keeps that one", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const inCurrency = (currency: string) => Layer.build(SqliteLedger.layerAt({ path, currency }))
        yield* Effect.scoped(inCurrency("eur"))
        yield* Effect.scoped(Effect.flatMap(open(path), ({ charge }) => charge("h")))
        const error = yield* Effect.flip(Effect.scoped(inCurrency("eur")))
        assert.deepInclude(error.reason, { _tag: "LedgerUnavailable", kind: "mismatch" })
        yield* Effect.scoped(open(path))
      }),
    ),
  )

  it.live("says which file it may not write, and what to do", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        mkdirSync(path)
        const reason = yield* whyNot(path)
        assert.include(reason, { _tag: "LedgerUnavailable", kind: "failed" })
        assert.match(
          "message" in reason ? reason.message : "",
          /^The ledger \S+ledger\.sqlite cannot be used: EISDIR: .*\. Let this user read and write it and its directory, or set AVIARY_DATA_DIR to another directory\.$/,
        )
      }),
    ),
  )

  it.live("refuses to start when a balance is not the sum of its entries", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        yield* Effect.scoped(open(path))
        raw(path, "UPDATE accounts SET balance = 5 WHERE id = 'anonymous'")
        assert.deepInclude(yield* whyNot(path), {
          kind: "mismatch",
          message: `The ledger ${path} cannot be used: account anonymous has balance 5, but its entries sum to 0. Restore a backup.`,
        })
      }),
    ),
  )

  it.live("says so when another process keeps it locked, charges nothing, and works on afterwards", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { ledger, charge } = yield* open(path, { lockWaitMillis: 50 })
        const other = new DatabaseSync(path)
        other.exec("BEGIN EXCLUSIVE")
        const refusals = Metric.value(Metric.withAttributes(Metrics.ledgerRefusals, { reason: "locked" }))
        const before = (yield* refusals).count
        const error = yield* Effect.flip(charge("h"))
        assert.deepInclude(error.reason, { _tag: "LedgerUnavailable", kind: "locked" })
        assert.strictEqual((yield* refusals).count - before, 1)
        assert.deepInclude(yield* whyNot(path, { lockWaitMillis: 50 }), { kind: "locked" })
        other.exec("COMMIT")
        other.close()
        assert.deepStrictEqual(yield* ledger.run("verify", {}), [])
        assert.deepInclude(yield* charge("h"), { replayed: false })
      }).pipe(Effect.scoped),
    ),
  )

  it.live("answers what changes nothing while a charge waits for the disk", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { ledger, charge } = yield* open(path, { lockWaitMillis: 2_000 })
        const look = ledger.run("account", { id: "anonymous", now: 3 })
        yield* look
        const other = new DatabaseSync(path)
        other.exec("BEGIN IMMEDIATE")
        const waiting = yield* Effect.forkChild(Effect.exit(charge("h")), { startImmediately: true })
        yield* look
        assert.isUndefined(waiting.pollUnsafe())
        other.exec("COMMIT")
        other.close()
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(waiting)))
      }).pipe(Effect.scoped),
    ),
  )

  it.live("does not know whether a charge was made when its thread dies meanwhile; asked again it is made once", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { ledger, charge } = yield* open(path, { lockWaitMillis: 300 })
        const other = new DatabaseSync(path)
        other.exec("BEGIN IMMEDIATE")
        const asked = yield* Deferred.make<Worker>()
        const post = Worker.prototype.postMessage
        const spy = vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...message) {
          Deferred.doneUnsafe(asked, Effect.succeed(this))
          post.apply(this, message)
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
        const waiting = yield* Effect.forkChild(Effect.flip(charge("h")))
        const thread = yield* Deferred.await(asked)
        yield* Effect.promise(() => thread.terminate())
        assert.deepInclude((yield* Fiber.join(waiting)).reason, { _tag: "LedgerUnavailable", kind: "lost" })
        other.exec("COMMIT")
        other.close()
        yield* charge("h")
        yield* charge("h")
        const entries = yield* ledger.run("statement", { accountId: "anonymous", before: null, limit: 10 })
        assert.lengthOf(entries, 1)
      }).pipe(Effect.scoped),
    ),
  )

  it.live("says so when it is full, and what it had answered before stands", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        let charged = 0
        const reason = yield* Effect.scoped(
          Effect.gen(function* () {
            const { charge } = yield* open(path, { maxPages: 60 })
            for (;;) {
              const exit = yield* Effect.result(charge(`hold-${charged}-${"x".repeat(500)}`))
              if (exit._tag === "Failure") return exit.failure.reason
              charged++
            }
          }),
        )
        assert.deepInclude(reason, { _tag: "LedgerUnavailable", kind: "full" })
        assert.isAbove(charged, 5)
        const { ledger } = yield* open(path)
        const entries = yield* ledger.run("statement", { accountId: "anonymous", before: null, limit: 1000 })
        assert.strictEqual(entries.length, charged)
      }).pipe(Effect.scoped),
    ),
  )

  it.live("answers those who wait when it closes, instead of leaving them", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { charge } = yield* Effect.scoped(open(path))
        const error = yield* Effect.flip(charge("late"))
        assert.deepInclude(error.reason, { _tag: "LedgerUnavailable" })
      }),
    ),
  )

  it.live("10,000 paid hits: a durable charge for each, off the event loop", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const { ledger, charge } = yield* open(path)
        yield* ledger.run("publishRates", { now: 1, validFrom: 1, rates })
        const ids = Array.from({ length: 10_000 }, (_, index) => `h${index}`)
        const [commits, start, delay] = [
          yield* ledger.commits,
          performance.now(),
          monitorEventLoopDelay({ resolution: 1 }),
        ]
        delay.enable()
        yield* Effect.forEach(ids, charge, { concurrency: 64, discard: true })
        delay.disable()
        const seconds = (performance.now() - start) / 1000
        const syncs = (yield* ledger.commits) - commits
        const [p99, max] = [delay.percentile(99) / 1e6, delay.max / 1e6]
        yield* Effect.log(
          `${Math.round(10_000 / seconds)} charges/s, ${syncs} transactions synced to disk, event loop delay p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`,
        )
        assert.deepInclude(yield* ledger.run("account", { id: "anonymous", now: 3 }), { balance: -500_000 })
      }).pipe(Effect.scoped),
    ),
  )
})
