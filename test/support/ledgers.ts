import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { BillingError } from "../../src/billing/BillingError.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import type { DatabaseError } from "../../src/database/DatabaseError.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import type { Question } from "../../src/billing/Operations.ts"
import type { Served } from "../../src/billing/Usage.ts"
import * as PostgresLedger from "../../src/billing/postgres/PostgresLedger.ts"
import type { SettingsError } from "../../src/Settings.ts"
import { layerLater } from "./asyncLedger.ts"
import { hundred, rates } from "./billing.ts"
import { databaseAt } from "./postgres.ts"
import { newDatabase } from "./sharedPostgres.ts"

const sqlite = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-ledger-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
    ),
    (folder) => SqliteLedger.layerAt({ path: join(folder, "ledger.sqlite"), currency: "usd" }),
  ),
)

const postgres = Layer.unwrap(
  Effect.map(
    newDatabase,
    // The tests say what time it is.
    (url) => PostgresLedger.layerAt({ currency: "usd", clock: "asked" }).pipe(Layer.provide(databaseAt(url))),
  ),
)

export const refusal = <A>(run: Effect.Effect<A, BillingError>) => Effect.map(Effect.flip(run), (error) => error.reason)

/** Reserves, settles, and says that the answer is out. */
export const chargeIn = (
  ledger: Ledger["Service"],
  {
    served,
    outcome = null,
    ...input
  }: Question<"reserve"> & { readonly served: Served; readonly outcome?: string | null },
) =>
  Effect.gen(function* () {
    const { id, claim } = yield* ledger.run("reserve", { ...input, served })
    const settlement = yield* ledger.run("settle", { holdId: id, served, outcome, now: input.now })
    yield* ledger.run("delivered", { claims: [claim] })
    return settlement
  })

/** A ledger with an account of 200 micro-units and an overdraft of 50, where a character costs one. */
export const openedLedger = Effect.gen(function* () {
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

/** Every kind of ledger there is, for what each of them does. */
export const ledgers: ReadonlyArray<
  readonly [name: string, layer: Layer.Layer<Ledger, BillingError | DatabaseError | SettingsError>]
> = [
  ["in memory", SqliteLedger.layerMemory],
  ["in SQLite", sqlite],
  ["in memory, waited for", layerLater],
  ["in PostgreSQL", postgres],
]
