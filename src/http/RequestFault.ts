import { Cause, Option, Schema, SchemaIssue } from "effect"
import { HttpServerError, Multipart } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"

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

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** How many characters of an unknown field's name are repeated in the error. */
const longestName = 100

/** The message of the contract's JSON decoder, which has no tag of its own. */
const notJson = "Expected a valid JSON body"

/** The error for a request that does not fit the contract: the first field at fault, and what it accepts. */
export const schemaFault = (error: Schema.SchemaError): ApiError => {
  const [first] = format(error.issue).issues
  const message = first === undefined ? "expected something else" : lowerFirst(first.message)
  if (first?.message === notJson) return Errors.invalidJson()
  // A member of a list is named by its list: a query has no indices.
  const path = (first?.path ?? []).filter((part) => typeof part !== "number")
  if (path.length === 0) return Errors.invalidBody()
  const leaf = leafOf(error.issue)
  const param = path.map(String).join(".")
  if (leaf._tag === "UnexpectedKey") return Errors.unknownParameter(param.slice(0, longestName))
  if (leaf._tag === "MissingKey") return Errors.missingParameter(param)
  return choosesLiteral(leaf) ? Errors.unsupportedValue(param, message) : Errors.invalidValue(param, message)
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)

/** The innermost first issue, which is the one that the formatter's first message is about. */
const leafOf = (issue: SchemaIssue.Issue): SchemaIssue.Issue => {
  switch (issue._tag) {
    case "Pointer":
    case "Filter":
    case "Encoding":
      return leafOf(issue.issue)
    case "Composite":
      return leafOf(issue.issues[0])
    case "AnyOf":
      return issue.issues[0] === undefined ? issue : leafOf(issue.issues[0])
    default:
      return issue
  }
}

/** Whether the value is none of a list, as against one of the wrong kind. */
const choosesLiteral = (issue: SchemaIssue.Issue): boolean =>
  (issue._tag === "AnyOf" && issue.ast.types.every((type) => type._tag === "Literal")) ||
  (issue._tag === "InvalidType" && issue.ast._tag === "Literal")
