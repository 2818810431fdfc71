import { Context, Schema } from "effect"
import { HttpApi } from "effect/http-api"
import { wholeNumber, wholeNumbers } from "../billing/WholeNumber.ts"

/** Annotates routes that take no field they do not know: a limit whose name is mistyped would limit nothing. */
export const knownFieldsOnly = Context.make(HttpApi.PayloadParseOptions, { onExcessProperty: "error" }).pipe(
  Context.add(HttpApi.QueryParseOptions, { onExcessProperty: "error" }),
)

const names = { message: "expected 1 to 200 characters" }

// Written to a terminal they move its cursor, or turn the text around.
const unprintable = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

/** A name, or a reason, that a person gives. */
export const name = Schema.String.annotate(names).check(
  Schema.isBetweenLength(1, 200, names),
  Schema.isPattern(/\S/, names),
  Schema.makeFilter((text: string) => !unprintable.test(text), {
    message: "expected no control characters, such as line breaks",
  }),
)

/** A moment in Unix milliseconds, of a body. */
export const moment = wholeNumber(
  0,
  Date.UTC(9999, 11, 31),
  "expected a time in Unix milliseconds, up to the year 9999",
)

/** Digits alone: `Number` also reads nothing at all as 0, and "0x10" and "1e3" as numbers. */
export const digits = (accepts: { readonly message: string }) =>
  Schema.String.annotate(accepts)
    .check(Schema.isPattern(/^\d+$/, accepts))
    .pipe(Schema.decodeTo(Schema.FiniteFromString))
    .annotate(accepts)

/** A whole number of a query or a path. */
export const integer = (minimum: number, maximum: number) => {
  const accepts = { message: wholeNumbers(minimum, maximum) }
  return digits(accepts).check(Schema.isInt(accepts), Schema.isBetween({ minimum, maximum }, accepts))
}
