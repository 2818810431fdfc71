import { Refusal } from "./Refusal.ts"
import { reports } from "./Reports.ts"
import { change, one, type Rule } from "./Statement.ts"

/** Checks the currency, which is free to change until there is an entry in it. */
export function* agree(currency: string): Rule<void> {
  yield* change(
    `INSERT INTO meta (name, value) VALUES ('currency', ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE NOT EXISTS (SELECT 1 FROM entries)`,
    currency,
  )
  const kept = (yield* one("SELECT value FROM meta WHERE name = 'currency'"))?.["value"] as string
  if (kept === currency) return
  const message = `it is kept in ${kept}, not in ${currency}. Set AVIARY_CURRENCY=${kept}, or use another AVIARY_DATA_DIR`
  throw Refusal.unavailable("mismatch", message)
}

/** Checks every balance against its entries. */
export function* addUp(): Rule<void> {
  const [wrong] = yield* reports.verify({})
  if (wrong === undefined) return
  const message = `account ${wrong.accountId} has balance ${wrong.balance}, but its entries sum to ${wrong.sum}. Restore a backup`
  throw Refusal.unavailable("mismatch", message)
}
