import { Schema } from "effect"
import { readLanguage } from "../audio/Language.ts"

/** A language in any spelling that people send. */
export const languageField = Schema.String.check(
  Schema.makeFilter((written) => readLanguage(written) !== "unreadable", {
    message: "expected a language such as en, en-US or english",
  }),
)
