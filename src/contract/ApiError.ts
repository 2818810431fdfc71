import { Data } from "effect"
import type { ErrorEnvelope } from "./ErrorEnvelope.ts"

/**
 * An error as a client is told it. Made by the entries of `Errors.ts` only, so that nothing is said that is not catalogued.
 *
 * @property headers beyond those of every response, by lower-case name
 */
export class ApiError extends Data.TaggedError("ApiError")<{
  readonly status: number
  readonly type: string
  readonly code: string
  readonly param: string | null
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
}> {
  get envelope(): ErrorEnvelope {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } }
  }

  /**
   * The same, with `Retry-After` in whole seconds: at least 1, as OpenAI documents it. An error that asks not to be retried
   * stays as it is: no answer says both.
   */
  retryAfter(millis: number): ApiError {
    if (this.headers["x-should-retry"] === "false") return this
    const seconds = Math.max(1, Math.ceil(millis / 1000))
    return new ApiError({ ...this.members, headers: { ...this.headers, "retry-after": String(seconds) } })
  }

  /** The same, with the `Allow` header that every 405 needs (RFC 9110, 15.5.6). */
  allow(methods: ReadonlyArray<string>): ApiError {
    return new ApiError({ ...this.members, headers: { ...this.headers, allow: methods.join(", ") } })
  }

  private get members() {
    const { status, type, code, param, message, headers } = this
    return { status, type, code, param, message, headers }
  }
}
