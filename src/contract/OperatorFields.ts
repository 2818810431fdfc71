import { Schema } from "effect"

const names = { message: "expected 1 to 200 characters" }

/** A name, or a reason, that a person gives. */
export const name = Schema.String.annotate(names).check(
  Schema.isBetweenLength(1, 200, names),
  Schema.isPattern(/\S/, names),
)

/** A whole number of a query. */
export const integer = (minimum: number, maximum: number) => {
  const accepts = { message: `expected a whole number from ${minimum} to ${maximum}` }
  return Schema.FiniteFromString.annotate(accepts).check(
    Schema.isInt(accepts),
    Schema.isBetween({ minimum, maximum }, accepts),
  )
}
