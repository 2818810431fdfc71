import type { AccountState, Terms } from "./Account.ts"
import type { ApiKey } from "./ApiKey.ts"
import {
  AccountClosed,
  AccountFrozen,
  type BillingReason,
  CapReached,
  InsufficientQuota,
  KeyExpired,
  KeyRevoked,
} from "./BillingError.ts"

/** What an account and a key have spent and reserved, in micro-units; `held` counts live holds. */
export interface Standing {
  readonly terms: Terms
  readonly balance: number
  readonly held: number
  readonly spentThisMonth: number
  readonly key: { readonly monthlyCap: number | null; readonly held: number; readonly spentThisMonth: number } | null
}

/** Why `needed` more micro-units may not be reserved, or undefined. What costs nothing is always admitted. */
export const refuse = (standing: Standing, needed: number): BillingReason | undefined => {
  if (needed === 0) return undefined
  const { terms, key } = standing
  if (terms.kind === "prepaid") {
    const available = standing.balance + terms.overdraft - standing.held
    if (needed > available) return new InsufficientQuota({ available, needed })
  } else if (terms.monthlyCap !== null) {
    const used = standing.spentThisMonth + standing.held
    if (used + needed > terms.monthlyCap)
      return new CapReached({ scope: "account", cap: terms.monthlyCap, used, needed })
  }
  if (key !== null && key.monthlyCap !== null) {
    const used = key.spentThisMonth + key.held
    if (used + needed > key.monthlyCap) return new CapReached({ scope: "key", cap: key.monthlyCap, used, needed })
  }
  return undefined
}

/** Why a key may not be used at `now` (Unix milliseconds), or undefined. */
export const unusable = (key: ApiKey, now: number): KeyRevoked | KeyExpired | undefined => {
  if (key.revokedAt !== null) return new KeyRevoked({ keyId: key.id, at: key.revokedAt })
  if (key.expiresAt !== null && key.expiresAt <= now) return new KeyExpired({ keyId: key.id, at: key.expiresAt })
  return undefined
}

/** Why nothing may be begun for an account, or undefined. */
export const stopped = (accountId: string, state: AccountState): AccountFrozen | AccountClosed | undefined => {
  switch (state) {
    case "open":
      return undefined
    case "frozen":
      return new AccountFrozen({ accountId })
    case "closed":
      return new AccountClosed({ accountId })
  }
}
