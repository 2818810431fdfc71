import { Schema } from "effect"

/** Says what such a number may be. */
export const wholeNumbers = (minimum: number, maximum: number, of?: string): string =>
  `expected a whole number ${of === undefined ? "" : `of ${of} `}from ${minimum} to ${maximum}`

/** A whole number within bounds. Whatever else it is given is told `message`, which says what is accepted. */
export const wholeNumber = (minimum: number, maximum: number, message: string) =>
  Schema.Number.annotate({ message }).check(
    Schema.isInt({ message }),
    Schema.isBetween({ minimum, maximum }, { message }),
  )
