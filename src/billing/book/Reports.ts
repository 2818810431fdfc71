import type { UsageQuery, UsageRow } from "../Operations.ts"
import { toEntry } from "./Entries.ts"
import type { Rules } from "./Rules.ts"
import { all, change, type Sql } from "./Statement.ts"

const columns = { account: "account_id", key: "key_id", model: "model", kind: "usage" } as const
const listed = (values: ReadonlyArray<string> | null) => (values === null ? null : JSON.stringify(values))

const usage =
  (groupBy: UsageQuery["groupBy"]): Sql =>
  ({ members }) => {
    const member = (name: keyof typeof columns) => (groupBy.includes(name) ? columns[name] : "NULL")
    const among = (column: string, json: string) => `(${json} IS NULL OR ${column} IN (${members(json)}))`
    return `SELECT at - at % CAST(?3 AS BIGINT) AS "bucketStart",
       ${member("account")} AS "accountId", ${member("key")} AS "keyId", ${member("model")} AS model, ${member("kind")} AS kind,
       sum(CASE kind WHEN 'charge' THEN 1 ELSE -1 END) AS requests,
       sum(CASE usage WHEN 'speech' THEN quantity ELSE 0 END) AS characters,
       sum(CASE usage WHEN 'transcription' THEN quantity ELSE 0 END) AS seconds,
       0 - sum(amount) AS amount
     FROM entries
     WHERE at >= ?1 AND at < ?2 AND kind IN ('charge', 'refund') AND (?4 IS NULL OR usage = ?4)
       AND ${among("account_id", "?5")} AND ${among("key_id", "?6")} AND ${among("model", "?7")}
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2 NULLS FIRST, 3 NULLS FIRST, 4 NULLS FIRST, 5 NULLS FIRST`
  }

type Sums = ReadonlyArray<{ readonly accountId: string; readonly balance: number; readonly sum: number }>

export const reports: Rules<"statement" | "usage" | "prove" | "verify"> = {
  *statement({ accountId, before, limit }) {
    const rows = yield* all(
      "SELECT * FROM entries WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
      accountId,
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    )
    return rows.map(toEntry)
  },
  *usage({ from, until, bucketMillis, groupBy, kind, accountIds, keyIds, models }) {
    const listing = [listed(accountIds), listed(keyIds), listed(models)]
    const rows = yield* all(usage(groupBy), from, until, bucketMillis, kind, ...listing)
    return rows as unknown as ReadonlyArray<UsageRow>
  },
  *prove({ now }) {
    yield* change(
      "INSERT INTO meta (name, value) VALUES ('proved', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      String(now),
    )
    return null
  },
  *verify() {
    const wrong = yield* all(
      `SELECT id AS "accountId", balance, coalesce(total, 0) AS sum
       FROM accounts LEFT JOIN (SELECT account_id, sum(amount) AS total FROM entries GROUP BY account_id) AS sums ON account_id = id
       WHERE balance <> coalesce(total, 0)`,
    )
    return wrong as unknown as Sums
  },
}
