import type { Hold } from "../Hold.ts"
import type { Usage } from "../Usage.ts"
import { one, type Row, type Rule } from "./Statement.ts"

export const holdRow = (id: string): Rule<Row | undefined> => one("SELECT * FROM holds WHERE id = ?", id)

export const usageOf = (row: Row): Usage => {
  const [model, size] = [row["model"] as string, row["size"] as number]
  return row["usage"] === "speech"
    ? { kind: "speech", model, characters: size }
    : { kind: "transcription", model, audioMillis: size }
}

/** With `replay`, as what another request with its idempotency key is answered from. */
export const toHold = (row: Row, replay?: { readonly claim: string; readonly outcome: string | null }): Hold => ({
  id: row["id"] as string,
  claim: replay?.claim ?? (row["id"] as string),
  accountId: row["account_id"] as string,
  keyId: row["key_id"] as string | null,
  usage: usageOf(row),
  amount: row["amount"] as number,
  rateVersion: row["rate_version"] as number,
  state: row["state"] as Hold["state"],
  reason: row["reason"] as string | null,
  createdAt: row["created_at"] as number,
  expiresAt: row["expires_at"] as number,
  replayed: replay !== undefined,
  outcome: replay?.outcome ?? null,
})
