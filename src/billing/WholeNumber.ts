import { Schema } from "effect"

/** A whole number within bounds. Whatever else it is given is told `message`, which says what is accepted. */
export const wholeNumber = (minimum: number, maximum: number, message: string) =>
  Schema.Number.annotate({ message }).check(
    Schema.isInt({ message }),
    Schema.isBetween({ minimum, maximum }, { message }),
  )
