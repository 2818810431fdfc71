import { Context } from "effect"
import { anonymous } from "./Account.ts"
import type { Priority } from "./Priority.ts"

/**
 * Who pays for the request at hand.
 *
 * @property idempotency a client's `Idempotency-Key`, and a hash of the request body; makes requests that agree in both charge once
 * @property priority of the key; absent: the usual one
 */
export interface Payer {
  readonly accountId: string
  readonly keyId: string | null
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
  readonly priority?: Priority | undefined
}

/** The payer of the running fiber; unless the front door says otherwise, the anonymous account. */
export const Payer = Context.Reference<Payer>("aviary/billing/Payer", {
  defaultValue: () => ({ accountId: anonymous, keyId: null, idempotency: null }),
})
