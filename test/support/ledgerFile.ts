import { Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import type { Terms } from "../../src/billing/Account.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { rates } from "./billing.ts"

/** The ledger of a gateway's data directory, from outside: SQLite lets both work on it. */
export const ledgerOf = (dataDir: string) =>
  Accounts.layer.pipe(
    Layer.provideMerge(SqliteLedger.layerAt({ path: join(dataDir, "ledger.sqlite"), currency: "usd" })),
  )

/** Publishes `rates` and opens an account with a key for each of `terms`; those that pay first are given `deposit` micro-units. */
export const openAccounts = Effect.fnUntraced(function* (terms: ReadonlyArray<Terms>, deposit: number) {
  const accounts = yield* Accounts
  yield* accounts.publishRates(rates)
  return yield* Effect.forEach(terms, (one, index) =>
    Effect.gen(function* () {
      const { id } = yield* accounts.open({ name: `Client ${index}`, terms: one })
      if (one.kind === "prepaid") yield* accounts.deposit({ accountId: id, amount: deposit })
      const { text } = yield* accounts.createKey({ accountId: id, name: "load" })
      return { id, key: Redacted.value(text) }
    }),
  )
})
