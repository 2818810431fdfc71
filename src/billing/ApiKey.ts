import { Redacted, Schema } from "effect"
import { keyPrefix } from "../telemetry/Secrets.ts"
import { hash, randomBytes } from "node:crypto"
import { KeyExpired, KeyRevoked } from "./BillingError.ts"
import { Priority } from "./Priority.ts"
import { wholeNumber } from "./WholeNumber.ts"

const limit = (minimum: number, of: string) => {
  const message = `expected a whole number ${of}from ${minimum}, or null for no limit`
  return Schema.NullOr(wholeNumber(minimum, Number.MAX_SAFE_INTEGER, message)).annotate({ message })
}
const Limit = limit(1, "")

/** A key's own limits; null is none. `monthlyCap` in micro-units per UTC calendar month, `charactersPerMinute` in code points. */
export const KeyLimits = Schema.Struct({
  requestsPerMinute: Limit,
  charactersPerMinute: Limit,
  monthlyCap: limit(0, "of micro-units "),
})
export type KeyLimits = typeof KeyLimits.Type

export const noLimits: KeyLimits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: null }

/** A key as it may be shown: neither its text nor its hash. `hint` is its last four characters; times are Unix milliseconds. */
export const ApiKey = Schema.Struct({
  id: Schema.String,
  accountId: Schema.String,
  name: Schema.String,
  hint: Schema.String,
  createdAt: Schema.Int,
  expiresAt: Schema.NullOr(Schema.Int),
  revokedAt: Schema.NullOr(Schema.Int),
  limits: KeyLimits,
  priority: Priority,
})
export type ApiKey = typeof ApiKey.Type

/** A new key: 256 random bits, so one round of SHA-256 keeps it as well as a slow hash would. */
export const generateKey = (): Redacted.Redacted<string> =>
  Redacted.make(keyPrefix + randomBytes(32).toString("base64url"), { label: "API key" })

/** SHA-256 in hex. */
export const digestOf = (text: Redacted.Redacted<string>): string => hash("sha256", Redacted.value(text), "hex")

/** The same, for whoever keeps it. */
export const hashKey = (text: Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.make(digestOf(text), { label: "API key hash" })

export const hintOf = (text: Redacted.Redacted<string>): string => Redacted.value(text).slice(-4)

/** Why a key may not be used at `now` (Unix milliseconds), or undefined. */
export const unusable = (
  key: Pick<ApiKey, "id" | "revokedAt" | "expiresAt">,
  now: number,
): KeyRevoked | KeyExpired | undefined => {
  if (key.revokedAt !== null) return new KeyRevoked({ keyId: key.id, at: key.revokedAt })
  if (key.expiresAt !== null && key.expiresAt <= now) return new KeyExpired({ keyId: key.id, at: key.expiresAt })
  return undefined
}
