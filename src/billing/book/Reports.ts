import type { Serving, StatementQuery, UsageQuery, UsageRow } from "../Operations.ts"
import { toEntry } from "./Entries.ts"
import { all, change, type Rules, type Sql } from "./Statement.ts"

const columns = { account: "account_id", key: "key_id", model: "model", kind: "usage" } as const

/** Only those who are asked for: PostgreSQL takes no `? IS NULL OR …`, where it cannot tell the type. */
const filters = ({ kind, accountIds, keyIds, models }: UsageQuery) =>
  [
    { column: "usage", values: kind === null ? null : [kind] },
    { column: "account_id", values: accountIds },
    { column: "key_id", values: keyIds },
    { column: "model", values: models },
  ].flatMap(({ column, values }) => (values === null ? [] : [{ column, json: JSON.stringify(values) }]))

const usage =
  (groupBy: UsageQuery["groupBy"], filtered: ReadonlyArray<{ readonly column: string }>): Sql =>
  ({ members }) => {
    const member = (name: keyof typeof columns) => (groupBy.includes(name) ? columns[name] : "NULL")
    return `SELECT at - at % CAST(? AS BIGINT) AS "bucketStart",
       ${member("account")} AS "accountId", ${member("key")} AS "keyId", ${member("model")} AS model, ${member("kind")} AS kind,
       sum(CASE kind WHEN 'charge' THEN 1 ELSE -1 END) AS requests,
       sum(CASE usage WHEN 'speech' THEN quantity ELSE 0 END) AS characters,
       sum(CASE usage WHEN 'transcription' THEN quantity ELSE 0 END) AS seconds,
       0 - sum(amount) AS amount
     FROM entries
     WHERE at >= ? AND at < ? AND kind IN ('charge', 'refund')
       ${filtered.map(({ column }) => `AND ${column} IN (${members("?")})`).join(" ")}
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2 NULLS FIRST, 3 NULLS FIRST, 4 NULLS FIRST, 5 NULLS FIRST`
  }

const narrowing = ({ from, keyId, kind, until }: Partial<StatementQuery>) =>
  [
    { sql: "kind = ?", value: kind },
    { sql: "key_id = ?", value: keyId },
    { sql: "at >= ?", value: from },
    { sql: "at < ?", value: until },
  ].flatMap(({ sql, value }) => (value === undefined ? [] : [{ sql, value }]))

type Sums = ReadonlyArray<{ readonly accountId: string; readonly balance: number; readonly sum: number }>

export const reports: Rules<"statement" | "usage" | "servings" | "prove" | "verify"> = {
  *statement({ accountId, before, limit, ...query }) {
    const asked = narrowing(query)
    const rows = yield* all(
      `SELECT * FROM entries WHERE account_id = ? AND id < ? ${asked.map(({ sql }) => `AND ${sql}`).join(" ")} ORDER BY id DESC LIMIT ?`,
      accountId,
      before ?? Number.MAX_SAFE_INTEGER,
      ...asked.map(({ value }) => value),
      limit,
    )
    return rows.map(toEntry)
  },
  *usage(query) {
    const asked = filters(query)
    const values = [query.bucketMillis, query.from, query.until, ...asked.map(({ json }) => json)]
    return (yield* all(usage(query.groupBy, asked), ...values)) as unknown as ReadonlyArray<UsageRow>
  },
  *servings({ from, until }) {
    const rows = yield* all(
      `SELECT served, sum(CASE kind WHEN 'charge' THEN 1 ELSE -1 END) AS requests, sum(quantity) AS characters, 0 - sum(amount) AS amount
       FROM entries WHERE at >= ? AND at < ? AND kind IN ('charge', 'refund') AND usage = 'speech' GROUP BY served`,
      from,
      until,
    )
    return rows as unknown as ReadonlyArray<Serving>
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
