import { Schema, SchemaIssue } from "effect"
import type { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"

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
