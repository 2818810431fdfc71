import { IdempotencyConflict, IdempotencyInProgress } from "../BillingError.ts"
import type { Reserve } from "../Operations.ts"
import { entryOf, refundId } from "./Entries.ts"
import { Refusal } from "./Refusal.ts"
import { change, one, type Row, type Rule, write } from "./Statement.ts"

/** How long an idempotency key is remembered, in milliseconds. */
const rememberedFor = 24 * 60 * 60 * 1000

/**
 * The hold of an earlier request with the same idempotency key and what it left.
 *
 * - `paid` in full, so that nothing is charged for the same again; `part` its client left and has paid for what it was handed
 * - `overdue` its owner is gone; `failed` nothing was charged for it
 */
interface Earlier {
  readonly was: "paid" | "part" | "overdue" | "failed"
  readonly hold: Row
  readonly id: string
  readonly outcome: string | null
}

export function* earlier({
  accountId,
  idempotency,
  now,
}: Pick<Reserve, "accountId" | "idempotency" | "now">): Rule<Earlier | undefined> {
  if (idempotency === null) return undefined
  const known = yield* one("SELECT * FROM idempotency WHERE account_id = ? AND key = ?", accountId, idempotency.key)
  if (known === undefined || (known["created_at"] as number) <= now - rememberedFor) return undefined
  if (known["fingerprint"] !== idempotency.fingerprint) throw new Refusal(new IdempotencyConflict())
  const hold = yield* one("SELECT * FROM holds WHERE id = ?", known["hold_id"] as string)
  if (hold === undefined) return undefined
  const found = { hold, id: hold["id"] as string, outcome: known["outcome"] as string | null }
  if (hold["state"] === "held") {
    if ((hold["expires_at"] as number) > now) throw new Refusal(new IdempotencyInProgress())
    return { ...found, was: "overdue" }
  }
  const charged = hold["state"] === "settled" && (yield* entryOf(refundId(found.id))) === undefined
  return { ...found, was: !charged ? "failed" : hold["reason"] === null ? "paid" : "part" }
}

/** Lets requests with the same idempotency key find the hold of this one. */
export function* remember({ holdId, accountId, idempotency, now }: Reserve): Rule<void> {
  if (idempotency === null) return
  yield* write(
    `INSERT INTO idempotency (account_id, key, fingerprint, hold_id, created_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (account_id, key) DO UPDATE
     SET fingerprint = excluded.fingerprint, hold_id = excluded.hold_id, created_at = excluded.created_at, outcome = NULL`,
    accountId,
    idempotency.key,
    idempotency.fingerprint,
    holdId,
    now,
  )
}

/** Forgets keys that are too old, `limit` at most; answers with how many. */
export const forget = (now: number, limit: number): Rule<number> =>
  change(
    "DELETE FROM idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM idempotency WHERE created_at <= ? LIMIT ?)",
    now - rememberedFor,
    limit,
  )
