/**
 * 32 accounts at once reserve and settle for some seconds, on PostgreSQL and on SQLite, each on this machine and with every commit on its disk.
 *
 *     node test/scripts/ledgersSideBySide.ts [seconds] [requests at once]
 */
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Ledger } from "../../src/billing/Ledger.ts"
import * as PostgresLedger from "../../src/billing/postgres/PostgresLedger.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { hundred, rates } from "../support/billing.ts"
import { databaseAt, startPostgres } from "../support/postgres.ts"

const [seconds = "10", atOnce = "256"] = process.argv.slice(2)
const accounts = Array.from({ length: 32 }, (_, index) => `account-${index}`)

const measure = (accountIds: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const ledger = yield* Ledger
    yield* ledger.run("publishRates", { now: 1, validFrom: 1, rates })
    for (const id of accountIds)
      yield* ledger.run("openAccount", { id, name: id, terms: { kind: "metered", monthlyCap: null }, now: 1 })
    const before = yield* ledger.commits
    let [pairs, millis] = [0, 0]
    const until = performance.now() + 1_000 * Number(seconds)
    const client = (number: number) =>
      Effect.gen(function* () {
        for (let turn = 0; performance.now() < until; turn++) {
          const [now, holdId] = [Date.now(), `${number}-${turn}`]
          const began = performance.now()
          const accountId = accountIds[number % accountIds.length]!
          yield* ledger.run("reserve", {
            ...{ holdId, accountId, keyId: null, usage: hundred, expiresAt: now + 60_000, idempotency: null, now },
          })
          yield* ledger.run("settle", { holdId, served: "MISS", outcome: null, now })
          yield* ledger.run("delivered", { claims: [holdId] })
          millis += performance.now() - began
          pairs++
        }
      })
    yield* Effect.all(
      Array.from({ length: Number(atOnce) }, (_, number) => client(number)),
      { concurrency: "unbounded", discard: true },
    )
    const wrong = yield* ledger.run("verify", {})
    const commits = (yield* ledger.commits) - before
    const per = (count: number) => Math.round(count / Number(seconds))
    return { pairs: per(pairs), commits: per(commits), millis: Math.round(millis / pairs), wrong: wrong.length }
  })

const print = (
  name: string,
  of: number,
  { commits, millis, pairs, wrong }: Effect.Success<ReturnType<typeof measure>>,
) =>
  console.log(
    `${name.padEnd(11)} ${String(of).padStart(2)} accounts, ${atOnce} at once: ${String(pairs).padStart(5)} reserve + settle + delivered a second, ` +
      `${String(commits).padStart(4)} commits a second, ${millis} ms each, ${wrong} balances wrong`,
  )

await Effect.runPromise(
  Effect.gen(function* () {
    const folder = mkdtempSync(join(tmpdir(), "aviary-side-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
    const server = yield* startPostgres()
    for (const some of [accounts, accounts.slice(0, 1)]) {
      const sqlite = SqliteLedger.layerAt({ path: join(folder, `${some.length}.sqlite`), currency: "usd" })
      print("SQLite", some.length, yield* measure(some).pipe(Effect.provide(sqlite), Effect.scoped))
      const postgres = PostgresLedger.layerAt({ currency: "usd" }).pipe(
        Layer.provide(databaseAt(yield* server.database)),
      )
      print("PostgreSQL", some.length, yield* measure(some).pipe(Effect.provide(postgres), Effect.scoped))
    }
  }).pipe(Effect.scoped),
)
