import { ApiError } from "./ApiError.ts"
import { withoutSecrets } from "../telemetry/Secrets.ts"

type Family =
  | "invalid_request_error"
  | "insufficient_quota"
  | "rate_limit_error"
  | "server_error"
  | "service_unavailable_error"
  | "engine_error"

interface Description<Args extends ReadonlyArray<unknown>> {
  readonly status: number
  readonly type: Family
  readonly code: string
  readonly param?: string | ((...args: Args) => string | null)
  readonly message: (...args: Args) => string
  /** When a client meets it. */
  readonly when: string
  /** Arguments that make the message shown in docs/errors.md. */
  readonly example: Args
  /** `false`: OpenAI's SDKs, which retry 408, 409, 429 and every 5xx, are told not to (`x-should-retry`). */
  readonly retry?: false
  /** The status where it is not always the same. */
  readonly statusOf?: (...args: Args) => number
}

/** One kind of error: called with its arguments, it makes the error. */
export interface ErrorKind<Args extends ReadonlyArray<unknown> = ReadonlyArray<never>> {
  (...args: Args): ApiError
  readonly description: Description<Args>
}

/**
 * Describes one error. Whatever is made here belongs into the catalogue of `Errors.ts`. What is repeated of what a client
 * sent holds no key.
 */
export const kind = <const Args extends ReadonlyArray<unknown>>(description: Description<Args>): ErrorKind<Args> =>
  Object.assign(
    (...args: Args) => {
      const param = typeof description.param === "function" ? description.param(...args) : (description.param ?? null)
      return new ApiError({
        status: description.statusOf?.(...args) ?? description.status,
        type: description.type,
        code: description.code,
        param: param === null ? null : withoutSecrets(param),
        message: withoutSecrets(description.message(...args)),
        headers: description.retry === false ? { "x-should-retry": "false" } : {},
      })
    },
    { description },
  )
