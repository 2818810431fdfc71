import { stopped } from "../Account.ts"
import { unusable } from "../ApiKey.ts"
import {
  type BillingReason,
  CapReached,
  InsufficientQuota,
  InvalidKey,
  UnknownAccount,
  UnknownKey,
} from "../BillingError.ts"
import type { Reserve } from "../Operations.ts"
import { stateOf, termsOf } from "./AccountRows.ts"
import { monthOf } from "./Entries.ts"
import { Refusal } from "./Refusal.ts"
import { one, type Row, type Rule } from "./Statement.ts"

type Payer = Pick<Reserve, "accountId" | "keyId" | "now">

const live =
  "SELECT coalesce(sum(amount), 0) FROM holds WHERE account_id = accounts.id AND state = 'held' AND expires_at > ?1"
const spentBy = (subject: string) => `SELECT spent FROM spending WHERE subject = ${subject} AND month = ?2`

/** Sums are made only where there is a limit that they count against. */
const ofAccount = `accounts.*, (SELECT count(*) FROM holds WHERE id = ?3) AS reserved,
  CASE WHEN accounts.kind = 'prepaid' OR accounts.monthly_cap IS NOT NULL THEN (${live}) END AS held,
  CASE WHEN accounts.monthly_cap IS NOT NULL THEN (${spentBy("accounts.id")}) END AS spent`
const ofKey = `keys.id AS "keyId", keys.account_id AS "keyAccount", keys.expires_at AS "keyExpiresAt",
  keys.revoked_at AS "keyRevokedAt", keys.monthly_cap AS "keyCap",
  CASE WHEN keys.monthly_cap IS NOT NULL THEN (${live} AND key_id = keys.id) END AS "keyHeld",
  CASE WHEN keys.monthly_cap IS NOT NULL THEN (${spentBy("keys.id")}) END AS "keySpent"`

/** All that decides whether somebody may pay, as it is now: in one statement, since every request waits for it. */
const withoutKey = `SELECT ${ofAccount} FROM accounts WHERE accounts.id = ?4`
const withKey = `SELECT ${ofAccount}, ${ofKey} FROM accounts LEFT JOIN keys ON keys.id = ?5 WHERE accounts.id = ?4`

/** @property reserved whether there is the hold that was asked for */
export interface Means {
  readonly reserved: boolean
  readonly row: Row | undefined
}

/** What a payer has. Live holds count; with `dueAfter`, only those that expire later. */
export function* meansOf({ accountId, keyId, now }: Payer, holdId: string | null, dueAfter = 0): Rule<Means> {
  const values = [dueAfter, monthOf(now), holdId, accountId]
  const row = yield* keyId === null ? one(withoutKey, ...values) : one(withKey, ...values, keyId)
  return { row, reserved: row?.["reserved"] === 1 }
}

/** The account that is to pay, where it and the key may be used. */
const usable = ({ accountId, keyId, now }: Payer, row: Row | undefined): Row => {
  if (row === undefined) throw new Refusal(new UnknownAccount({ accountId }))
  const halt = stopped(accountId, stateOf(row))
  if (halt !== undefined) throw new Refusal(halt)
  if (keyId === null) return row
  if (row["keyId"] === null) throw new Refusal(new UnknownKey({ keyId }))
  const key = {
    id: keyId,
    expiresAt: row["keyExpiresAt"] as number | null,
    revokedAt: row["keyRevokedAt"] as number | null,
  }
  const reason = row["keyAccount"] === accountId ? unusable(key, now) : new InvalidKey()
  if (reason !== undefined) throw new Refusal(reason)
  return row
}

/** Why `needed` more micro-units may not be reserved, or undefined. What costs nothing is always admitted. */
export const shortfall = (payer: Payer, { row: found }: Means, needed: number): BillingReason | undefined => {
  const row = usable(payer, found)
  const amountOf = (column: string) => (row[column] as number | null) ?? 0
  if (needed === 0) return undefined
  const terms = termsOf(row)
  if (terms.kind === "prepaid") {
    const available = amountOf("balance") + terms.overdraft - amountOf("held")
    if (needed > available) return new InsufficientQuota({ available, needed })
  } else if (terms.monthlyCap !== null) {
    const used = amountOf("spent") + amountOf("held")
    if (used + needed > terms.monthlyCap)
      return new CapReached({ scope: "account", cap: terms.monthlyCap, used, needed })
  }
  const cap = (row["keyCap"] as number | null | undefined) ?? null
  if (cap !== null) {
    const used = amountOf("keySpent") + amountOf("keyHeld")
    if (used + needed > cap) return new CapReached({ scope: "key", cap, used, needed })
  }
  return undefined
}
