import { stopped } from "../Account.ts"
import { type ApiKey, unusable } from "../ApiKey.ts"
import { type BillingReason, CapReached, InsufficientQuota, InvalidKey } from "../BillingError.ts"
import type { Reserve } from "../Operations.ts"
import { accountRow, heldBy, heldByKey, stateOf, termsOf } from "./AccountRows.ts"
import { spentInMonth } from "./Entries.ts"
import { keyById } from "./Keys.ts"
import { Refusal } from "./Refusal.ts"
import type { Row, Rule } from "./Statement.ts"

type Payer = Pick<Reserve, "accountId" | "keyId" | "now">

/** The account and the key that are to pay, where both may be used. */
function* payerOf({ accountId, keyId, now }: Payer): Rule<{ account: Row; key: ApiKey | undefined }> {
  const account = yield* accountRow(accountId)
  const halt = stopped(accountId, stateOf(account))
  if (halt !== undefined) throw new Refusal(halt)
  if (keyId === null) return { account, key: undefined }
  const key = yield* keyById(keyId)
  const reason = key.accountId === accountId ? unusable(key, now) : new InvalidKey()
  if (reason !== undefined) throw new Refusal(reason)
  return { account, key }
}

/**
 * Why `needed` more micro-units may not be reserved, or undefined. What costs nothing is always admitted. Live holds count; with `dueAfter`,
 * only those that expire later.
 */
export function* shortfall(payer: Payer, needed: number, dueAfter = 0): Rule<BillingReason | undefined> {
  const { account, key } = yield* payerOf(payer)
  if (needed === 0) return undefined
  const terms = termsOf(account)
  if (terms.kind === "prepaid") {
    const held = yield* heldBy(payer.accountId, dueAfter)
    const available = (account["balance"] as number) + terms.overdraft - held
    if (needed > available) return new InsufficientQuota({ available, needed })
  } else if (terms.monthlyCap !== null) {
    const used = (yield* spentInMonth(payer.accountId, payer.now)) + (yield* heldBy(payer.accountId, dueAfter))
    if (used + needed > terms.monthlyCap)
      return new CapReached({ scope: "account", cap: terms.monthlyCap, used, needed })
  }
  const cap = key?.limits.monthlyCap ?? null
  if (key !== undefined && cap !== null) {
    const used = (yield* spentInMonth(key.id, payer.now)) + (yield* heldByKey(payer.accountId, key.id, dueAfter))
    if (used + needed > cap) return new CapReached({ scope: "key", cap, used, needed })
  }
  return undefined
}
