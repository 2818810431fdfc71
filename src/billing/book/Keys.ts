import type { ApiKey } from "../ApiKey.ts"
import { UnknownKey } from "../BillingError.ts"
import { type Priority, usualPriority } from "../Priority.ts"
import { accountRow, refuseClosed, stateOf } from "./AccountRules.ts"
import { Refusal } from "./Refusal.ts"
import { all, change, one, type Row, type Rule, type Rules } from "./Statement.ts"

const toKey = (row: Row): ApiKey => ({
  id: row["id"] as string,
  accountId: row["account_id"] as string,
  name: row["name"] as string,
  hint: row["hint"] as string,
  createdAt: row["created_at"] as number,
  expiresAt: row["expires_at"] as number | null,
  revokedAt: row["revoked_at"] as number | null,
  limits: {
    requestsPerMinute: row["requests_per_minute"] as number | null,
    charactersPerMinute: row["characters_per_minute"] as number | null,
    monthlyCap: row["monthly_cap"] as number | null,
  },
  priority: row["priority"] as Priority,
})

function* keyById(id: string): Rule<ApiKey> {
  const row = yield* one("SELECT * FROM keys WHERE id = ?", id)
  if (row === undefined) throw new Refusal(new UnknownKey({ keyId: id }))
  return toKey(row)
}

export const keyRules: Rules<"addKey" | "keys" | "revokeKey" | "keyByHash"> = {
  *addKey({ id, accountId, name, hint, hash, expiresAt, limits, priority = usualPriority, now }) {
    refuseClosed(yield* accountRow(accountId), "it gets no more keys")
    if (expiresAt !== null && expiresAt <= now) {
      throw Refusal.notAccepted(`The key would have expired already, at ${new Date(expiresAt).toISOString()}.`)
    }
    yield* change(
      `INSERT INTO keys (id, account_id, name, hint, hash, created_at, expires_at, requests_per_minute, characters_per_minute, monthly_cap, priority)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      id,
      accountId,
      name,
      hint,
      hash,
      now,
      expiresAt,
      limits.requestsPerMinute,
      limits.charactersPerMinute,
      limits.monthlyCap,
      priority,
    )
    return yield* keyById(id)
  },
  *keys({ accountId }) {
    if (accountId === null) return (yield* all("SELECT * FROM keys ORDER BY created_at, id")).map(toKey)
    yield* accountRow(accountId)
    return (yield* all("SELECT * FROM keys WHERE account_id = ? ORDER BY created_at, id", accountId)).map(toKey)
  },
  *revokeKey({ id, now }) {
    yield* change("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now, id)
    return yield* keyById(id)
  },
  *keyByHash({ hash }) {
    const row = yield* one(
      "SELECT keys.*, state FROM keys JOIN accounts ON accounts.id = account_id WHERE hash = ?",
      hash,
    )
    return row === undefined ? null : { key: toKey(row), hash: row["hash"] as string, accountState: stateOf(row) }
  },
}
