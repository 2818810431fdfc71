import { assert, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Ledger } from "../../../src/billing/Ledger.ts"
import { copyLedger } from "../../../src/billing/postgres/LedgerCopy.ts"
import * as PostgresLedger from "../../../src/billing/postgres/PostgresLedger.ts"
import { openBook } from "../../../src/billing/sqlite/SqliteBook.ts"
import * as SqliteLedger from "../../../src/billing/sqlite/SqliteLedger.ts"
import { Silence } from "../../../src/database/Silence.ts"
import { hundred } from "../../support/billing.ts"
import { wayTo } from "../../support/databaseWay.ts"
import { openedLedger } from "../../support/ledgers.ts"
import { databaseAt } from "../../support/postgres.ts"
import { newDatabase, sharedPostgres } from "../../support/sharedPostgres.ts"

const long = { timeout: 60_000 }

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-copy-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true })),
)

const copied = (path: string, url: string) =>
  copyLedger(path, "usd").pipe(Effect.provide(databaseAt(url)), Effect.orDie)
const refusal = (path: string, url: string) =>
  copyLedger(path, "usd").pipe(
    Effect.flip,
    Effect.map(({ message }) => message),
    Effect.provide(databaseAt(url)),
    Effect.orDie,
  )

/** A ledger with something in every table. */
const lived = Effect.fnUntraced(function* (path: string) {
  const { ledger, reserve, settle } = yield* openedLedger
  yield* ledger.run("addKey", {
    ...{ id: "k", accountId: "a", name: "K", hint: "abcd", hash: "f00", expiresAt: null, now: 1 },
    limits: { requestsPerMinute: 5, charactersPerMinute: null, monthlyCap: 1_000 },
  })
  yield* reserve("paid", { keyId: "k", idempotency: { key: "i", fingerprint: "f" } })
  yield* settle("paid")
  yield* reserve("live", { idempotency: { key: "j", fingerprint: "f" } })
  return path
})

const asked = (ledger: Ledger["Service"]) =>
  Effect.all({
    accounts: ledger.run("accounts", { now: 9 }),
    keys: ledger.run("keys", { accountId: null }),
    rates: ledger.run("rates", {}),
    statement: ledger.run("statement", { accountId: "a", before: null, limit: 100 }),
    paid: ledger.run("hold", { holdId: "paid" }),
    live: ledger.run("hold", { holdId: "live" }),
    wrong: ledger.run("verify", {}),
  })

it.live(
  "a ledger is the same after it was copied, and goes on where it was",
  () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "ledger.sqlite")
      const sqlite = SqliteLedger.layerAt({ path, currency: "usd" })
      const before = yield* Effect.gen(function* () {
        yield* lived(path)
        return yield* asked(yield* Ledger)
      }).pipe(Effect.provide(sqlite), Effect.scoped)
      const url = yield* newDatabase
      assert.deepInclude(yield* copied(path, url), {
        accounts: 2,
        keys: 1,
        rates: 2,
        holds: 2,
        entries: 2,
        idempotency: 2,
      })

      const ledger = Context.get(
        yield* Layer.build(
          PostgresLedger.layerAt({ currency: "usd", clock: "asked" }).pipe(Layer.provide(databaseAt(url))),
        ),
        Ledger,
      )
      assert.deepStrictEqual(yield* asked(ledger), before)
      yield* ledger.run("settle", { holdId: "live", served: "MISS", outcome: null, now: 5 })
      const [newest] = yield* ledger.run("statement", { accountId: "a", before: null, limit: 1 })
      assert.isAbove(newest!.id, before.statement[0]!.id)
      assert.deepStrictEqual(yield* ledger.run("verify", {}), [])
      // What an earlier request has paid is known.
      const again = yield* ledger.run("reserve", {
        ...{ holdId: "again", accountId: "a", keyId: "k", usage: hundred, expiresAt: 100, now: 6 },
        idempotency: { key: "i", fingerprint: "f" },
      })
      assert.deepInclude(again, { id: "paid", replayed: true })
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "nothing is copied into a database that has a ledger, from one that is in use, is not there, or does not add up",
  () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "ledger.sqlite")
      yield* lived(path).pipe(Effect.provide(SqliteLedger.layerAt({ path, currency: "usd" })), Effect.scoped)
      const url = yield* newDatabase
      assert.include(yield* refusal(join(path, "..", "none.sqlite"), url), "There is no ledger at")

      const using = openBook({ path, currency: "usd" })
      assert.include(yield* refusal(path, url), "is in use. Stop its gateway first")
      using.close()

      yield* copied(path, url)
      assert.include(yield* refusal(path, url), "has a ledger already")

      const db = new DatabaseSync(path)
      db.exec("UPDATE accounts SET balance = balance + 1 WHERE id = 'a'")
      db.close()
      const other = yield* newDatabase
      assert.include(yield* refusal(path, other), "its entries sum to")
      const { sql } = yield* sharedPostgres
      assert.strictEqual(sql("SELECT count(*) FROM aviary.entries", other.split("/").at(-1)), "0")
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "a copy into a database that falls silent ends, and says so",
  () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "ledger.sqlite")
      yield* lived(path).pipe(Effect.provide(SqliteLedger.layerAt({ path, currency: "usd" })), Effect.scoped)
      const { port } = yield* sharedPostgres
      const way = yield* wayTo(port)
      const url = (yield* newDatabase).replace(`:${port}/`, `:${way.port}/`)
      way.silentFrom = "LOCK TABLE accounts"
      const { message } = yield* Effect.flip(copyLedger(path, "usd")).pipe(
        Effect.provideService(Silence, Duration.millis(50)),
        Effect.provide(databaseAt(url)),
      )
      assert.include(message, "The ledger was not copied: it says nothing.")
    }).pipe(Effect.scoped),
  long,
)
