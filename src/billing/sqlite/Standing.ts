import { type Standing, stopped, unusable } from "../Admission.ts"
import { InvalidKey } from "../BillingError.ts"
import type { Reserve } from "../Operations.ts"
import { accountRow, heldBy, keyById, stateOf, termsOf } from "./Accounts.ts"
import { spentInMonth } from "./Entries.ts"
import { Refusal } from "./Refusal.ts"
import type { Rows } from "./Rows.ts"

/** With `dueAfter`, as if holds that expire no later had expired. */
export const standing = (
  rows: Rows,
  { accountId, keyId, now }: Pick<Reserve, "accountId" | "keyId" | "now">,
  dueAfter = 0,
): Standing => {
  const account = accountRow(rows, accountId)
  const halt = stopped(accountId, stateOf(account))
  if (halt !== undefined) throw new Refusal(halt)
  const key = keyId === null ? undefined : keyById(rows, keyId)
  if (key !== undefined) {
    const reason = key.accountId === accountId ? unusable(key, now) : new InvalidKey()
    if (reason !== undefined) throw new Refusal(reason)
  }
  return {
    terms: termsOf(account),
    balance: account["balance"] as number,
    held: heldBy(rows, accountId, null, dueAfter),
    spentThisMonth: spentInMonth(rows, accountId, now),
    key:
      key === undefined
        ? null
        : {
            monthlyCap: key.limits.monthlyCap,
            held: heldBy(rows, accountId, key.id, dueAfter),
            spentThisMonth: spentInMonth(rows, key.id, now),
          },
  }
}
