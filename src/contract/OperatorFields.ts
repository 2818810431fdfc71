import { Schema } from "effect"

const names = { message: "expected 1 to 200 characters" }

/** A name, or a reason, that a person gives. */
export const name = Schema.String.annotate(names).check(
  Schema.isBetweenLength(1, 200, names),
  Schema.isPattern(/\S/, names),
)

const times = { message: "expected a time in Unix milliseconds, up to the year 9999" }

/** A moment in Unix milliseconds, of a body. */
export const moment = Schema.Finite.annotate(times).check(
  Schema.isInt(times),
  Schema.isBetween({ minimum: 0, maximum: Date.UTC(9999, 11, 31) }, times),
)

/** A whole number of a query or a path. */
export const integer = (minimum: number, maximum: number) => {
  const accepts = { message: `expected a whole number from ${minimum} to ${maximum}` }
  return Schema.FiniteFromString.annotate(accepts).check(
    Schema.isInt(accepts),
    Schema.isBetween({ minimum, maximum }, accepts),
  )
}
