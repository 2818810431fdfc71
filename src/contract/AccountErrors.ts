import { money } from "../billing/Money.ts"
import { kind } from "./ErrorKind.ts"
import { holdsSecret } from "../telemetry/Secrets.ts"

/** Errors about keys, quotas and charges, for clients and operators. Part of `Errors`. */
export const accountErrors = {
  missingKey: kind<[]>({
    status: 401,
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: () =>
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    when: "Keys are on and the request has none.",
    example: [],
  }),
  invalidKey: kind<[]>({
    status: 401,
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: () => "Incorrect API key provided.",
    when: "The key does not exist. It is not repeated, so that no log of an answer holds it.",
    example: [],
  }),
  endedKey: kind<[how: "expired" | "revoked"]>({
    status: 401,
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: (how) => `The API key ${how === "expired" ? "has expired" : "has been revoked"}.`,
    when: "The key was good once.",
    example: ["revoked"],
  }),
  accountFrozen: kind<[]>({
    status: 403,
    type: "invalid_request_error",
    code: "account_frozen",
    message: () => "The account of this API key is frozen. Ask whoever runs the gateway.",
    when: "An operator has frozen the account. Nothing was done.",
    example: [],
    retry: false,
  }),
  accountClosed: kind<[]>({
    status: 403,
    type: "invalid_request_error",
    code: "account_closed",
    message: () => "The account of this API key is closed.",
    when: "An operator has closed the account. Nothing was done.",
    example: [],
    retry: false,
  }),
  adminOnly: kind<[]>({
    status: 401,
    type: "invalid_request_error",
    code: "invalid_admin_token",
    message: () =>
      "This route needs the admin token in an Authorization header (Authorization: Bearer …). The start block of the gateway says where it is.",
    when: "An admin route was called without the admin token, or with another.",
    example: [],
  }),
  insufficientQuota: kind<[]>({
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    message: () => "You exceeded your current quota, please check your plan and billing details.",
    when: "The prepaid balance does not pay for the request. Nothing was done.",
    example: [],
    retry: false,
  }),
  capReached: kind<[whose: "account" | "key", cap: number]>({
    status: 429,
    type: "insufficient_quota",
    code: "insufficient_quota",
    message: (whose, cap) => `The ${whose}'s monthly limit of ${money(cap)} is reached.`,
    when: "The monthly limit of the account or the key would be passed. Nothing was done.",
    example: ["account", 5_000_000],
    retry: false,
  }),
  rateLimited: kind<[limit: "requests" | "characters", max: number]>({
    status: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    message: (limit, max) => `Rate limit reached: ${max} ${limit} per minute. Please slow down.`,
    when: "The key has a limit of requests or characters a minute. Comes with `Retry-After`.",
    example: ["requests", 60],
  }),
  textAboveLimit: kind<[max: number, requested: number]>({
    status: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    message: (max, requested) => `Request too large: limit ${max} characters per minute, requested ${requested}.`,
    when: "The text alone is longer than the key's limit of characters a minute. To wait does not help; a shorter text does.",
    example: [1_000, 4_096],
    retry: false,
  }),
  ledgerUnavailable: kind<[]>({
    status: 503,
    type: "service_unavailable_error",
    code: "ledger_unavailable",
    message: () =>
      "The gateway's ledger does not answer, so nothing was done and nothing is charged. Try again shortly.",
    when: "The ledger's database is locked, full or damaged. Comes with `Retry-After`.",
    example: [],
  }),
  ledgerInDoubt: kind<[]>({
    status: 503,
    type: "service_unavailable_error",
    code: "ledger_unavailable",
    message: () =>
      "The gateway's ledger does not answer, and whether this was done is not known: look before you do it again. Speech and transcripts are not charged.",
    when: "The ledger's answer was lost. What was charged for a request that ends so is paid back. Comes with `Retry-After`.",
    example: [],
  }),
  holdLost: kind<[]>({
    status: 503,
    type: "service_unavailable_error",
    code: "hold_lost",
    message: () =>
      "The money reserved for this request was released before it was done. Nothing is charged. Try again.",
    when: "A hold had ended before the request did. Comes with `Retry-After`.",
    example: [],
  }),
  idempotencyConflict: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "idempotency_key_reused",
    message: () => "Keys for idempotent requests can only be used with the same body they were first used with.",
    when: "The `Idempotency-Key` came with another request within 24 hours.",
    example: [],
  }),
  idempotencyInProgress: kind<[]>({
    status: 409,
    type: "invalid_request_error",
    code: "idempotency_key_in_use",
    message: () => "Another request with this Idempotency-Key is in progress. Try again shortly.",
    when: "The first request with this `Idempotency-Key` has not ended. Comes with `Retry-After`.",
    example: [],
  }),
  unknownAccount: kind<[id: string]>({
    status: 404,
    type: "invalid_request_error",
    code: "account_not_found",
    message: (id) => `There is no account \`${id}\`.`,
    when: "An operator named an account that does not exist.",
    example: ["acct_1"],
  }),
  unknownKey: kind<[id: string]>({
    status: 404,
    type: "invalid_request_error",
    code: "key_not_found",
    message: (id) =>
      holdsSecret(id)
        ? "This is the key itself. Give its id, `key_…`; the list of keys shows ids and the last four characters of each."
        : `There is no key \`${id}\`.`,
    when: "An operator named a key that does not exist.",
    example: ["key_1"],
  }),
  unknownRates: kind<[version: number]>({
    status: 404,
    type: "invalid_request_error",
    code: "rates_not_found",
    message: (version) => `There is no version ${version} of the prices.`,
    when: "An operator named a version of the prices that was never published, or that has been withdrawn.",
    example: [7],
  }),
  notAccepted: kind<[message: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "not_accepted",
    message: (message) => message,
    when: "An operator asked for what cannot be; the message says what and why.",
    example: ["An account cannot be both prepaid and metered."],
  }),
  tooManyUploads: kind<[limit: string]>({
    status: 429,
    type: "rate_limit_error",
    code: "too_many_uploads",
    message: (limit) =>
      `This account has all the unfinished uploads that it may have at once: ${limit}. Wait until some are answered.`,
    when: "One account has too many uploads under way, or too large ones. Comes with `Retry-After`.",
    example: ["64 uploads"],
  }),
}
