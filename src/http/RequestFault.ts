import { Cause, Option } from "effect"
import { HttpServerError, Multipart } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"
import { schemaFault } from "./SchemaFault.ts"

/** Largest JSON body in bytes: 4,096 characters of text and as many of instructions, each written as two `\uXXXX`. */
export const maxJsonBytes = 256 * 1024

/** The error for a request that the framework, not a handler, ended; absent for a fault of the gateway's own. */
const requestFault = (fault: unknown): Option.Option<ApiError> => {
  if (fault instanceof ApiError) return Option.some(fault)
  if (HttpApiError.HttpApiSchemaError.is(fault)) {
    return fault.kind === "Body" || fault.kind === "ResponseHeaders"
      ? Option.none()
      : Option.some(schemaFault(fault.cause))
  }
  if (Multipart.isMultipartError(fault)) return multipartFault(fault)
  if (HttpServerError.isHttpServerError(fault) && fault.reason._tag === "RequestParseError") {
    return Option.some(
      fault.reason.reason === "BodyTooLarge" ? Errors.bodyTooLarge(maxJsonBytes) : Errors.malformedRequest(),
    )
  }
  return Option.none()
}

const multipartFault = (fault: Multipart.MultipartError): Option.Option<ApiError> =>
  fault.reason._tag === "InternalError" ? Option.none() : Option.some(Errors.invalidMultipart())

/** The first failure or defect of `cause` that has a place in the catalogue. */
export const causeFault = (cause: Cause.Cause<unknown>): Option.Option<ApiError> =>
  Option.firstSomeOf(
    cause.reasons.map((reason) => {
      if (reason._tag === "Fail") return requestFault(reason.error)
      return reason._tag === "Die" ? requestFault(reason.defect) : Option.none()
    }),
  )
