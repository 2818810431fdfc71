import { Effect, Schema } from "effect"
import { HttpClientError } from "effect/http"
import { ErrorEnvelope } from "../contract/ErrorEnvelope.ts"
import { schemaFault } from "../http/ErrorAnswers.ts"

/**
 * The gateway did not do what it was asked; `message` says why, in its own words where there are any.
 *
 * @property code the gateway's, as in `docs/errors.md`; `no_gateway`, `no_answer` or `not_understood` where none of its words came
 * @property undone whether it is certain that nothing was done
 */
export class AdminCallError extends Schema.TaggedError<AdminCallError>()("AdminCallError", {
  message: Schema.String,
  code: Schema.String,
  undone: Schema.Boolean,
}) {}

const isEnvelope = Schema.is(ErrorEnvelope)
const isCallError = Schema.is(AdminCallError)

export const notSent = (code: string, message: string) => new AdminCallError({ message, code, undone: true })
export const noAnswer = (message: string) => new AdminCallError({ message, code: "no_answer", undone: false })

/** What is said about calls to the gateway at `baseUrl` with the token of the file `path`; undefined: of the settings. */
export const wordsFor = (baseUrl: string, path: string | undefined) => {
  const wrongToken =
    path === undefined
      ? `AVIARY_ADMIN_TOKEN is not the admin token of the gateway at ${baseUrl}: set it to the one that gateway was started with.`
      : `The admin token in ${path} is not that of the gateway at ${baseUrl}: set AVIARY_DATA_DIR to that gateway's data directory, or AVIARY_ADMIN_TOKEN to its token.`

  const refusal = ({ error: { message, code, type } }: ErrorEnvelope) =>
    code === "invalid_admin_token"
      ? notSent(code, wrongToken)
      : new AdminCallError({ message, code: code ?? type, undone: type === "invalid_request_error" })

  const notAviary = (status?: number) =>
    new AdminCallError({
      message: `What answers at ${baseUrl} is no Aviary, or one of another version${status === undefined ? "" : `: it answered ${status}`}.`,
      code: "not_understood",
      undone: false,
    })

  const of = (error: unknown): Effect.Effect<never, AdminCallError> => {
    if (isCallError(error)) return error
    if (isEnvelope(error)) return refusal(error)
    if (Schema.isSchemaError(error)) {
      const { message, code } = schemaFault(error)
      return notSent(code, message)
    }
    if (!HttpClientError.isHttpClientError(error)) return notAviary()
    const { response } = error
    if (response !== undefined) {
      return Effect.matchEffect(response.json, {
        onFailure: () => notAviary(response.status),
        onSuccess: (body) => (isEnvelope(body) ? refusal(body) : notAviary(response.status)),
      })
    }
    return neverConnected(error)
      ? notSent("no_gateway", `No gateway answers at ${baseUrl}. Start one, or say with --url where it listens.`)
      : noAnswer(`The connection to ${baseUrl} broke before the answer was there.`)
  }
  return { of, notAviary }
}

/** Reasons why there was no connection to send anything on. */
const unconnected =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|EPROTO)$|SSL|TLS|CERT/

/** Whether the request was never sent. `fetch` has the reason among the causes of its error; of a port that it never calls, in words. */
const neverConnected = (error: unknown): boolean =>
  error instanceof Error &&
  (("code" in error && unconnected.test(String(error.code))) ||
    error.message === "bad port" ||
    neverConnected(error.cause))
