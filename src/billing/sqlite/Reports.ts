import type { Operations, UsageQuery, UsageRow } from "../Operations.ts"
import { toEntry } from "./Entries.ts"
import type { Rows } from "./Rows.ts"

const columns = { account: "account_id", key: "key_id", model: "model", kind: "usage" } as const
const listed = (values: ReadonlyArray<string> | null) => (values === null ? null : JSON.stringify(values))

const usage = (rows: Rows, query: UsageQuery): ReadonlyArray<UsageRow> => {
  const member = (name: keyof typeof columns) => (query.groupBy.includes(name) ? columns[name] : "NULL")
  const among = (column: string, parameter: string) =>
    `(${parameter} IS NULL OR ${column} IN (SELECT value FROM json_each(${parameter})))`
  return rows.all(
    `SELECT at - at % CAST(?3 AS INTEGER) AS bucketStart,
       ${member("account")} AS accountId, ${member("key")} AS keyId, ${member("model")} AS model, ${member("kind")} AS kind,
       sum(CASE kind WHEN 'charge' THEN 1 ELSE -1 END) AS requests,
       sum(CASE usage WHEN 'speech' THEN quantity ELSE 0 END) AS characters,
       sum(CASE usage WHEN 'transcription' THEN quantity ELSE 0 END) AS seconds,
       0 - sum(amount) AS amount
     FROM entries
     WHERE at >= ?1 AND at < ?2 AND kind IN ('charge', 'refund') AND (?4 IS NULL OR usage = ?4)
       AND ${among("account_id", "?5")} AND ${among("key_id", "?6")} AND ${among("model", "?7")}
     GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
    query.from,
    query.until,
    query.bucketMillis,
    query.kind,
    listed(query.accountIds),
    listed(query.keyIds),
    listed(query.models),
  ) as unknown as ReadonlyArray<UsageRow>
}

export const reportOperations = (rows: Rows): Pick<Operations, "statement" | "usage" | "prove" | "verify"> => ({
  statement: ({ accountId, before, limit }) =>
    rows
      .all(
        "SELECT * FROM entries WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
        accountId,
        before ?? Number.MAX_SAFE_INTEGER,
        limit,
      )
      .map(toEntry),
  usage: (query) => usage(rows, query),
  prove: ({ now }) => {
    rows.run(
      "INSERT INTO meta (name, value) VALUES ('proved', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
      String(now),
    )
    return null
  },
  verify: () =>
    rows.all(
      `SELECT id AS accountId, balance, coalesce(total, 0) AS sum
       FROM accounts LEFT JOIN (SELECT account_id, sum(amount) AS total FROM entries GROUP BY account_id) ON account_id = id
       WHERE balance <> coalesce(total, 0)`,
    ) as never,
})
