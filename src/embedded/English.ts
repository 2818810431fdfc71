import { Effect } from "effect"
import { EmbeddedError, EnglishOnly } from "./EmbeddedError.ts"

/** Fails for a language other than English. `language` is BCP 47, ISO 639-1, or OpenAI's name for it. */
export const requireEnglish = (language: string): Effect.Effect<void, EmbeddedError> =>
  /^\s*(en|eng|english)([-_]|\s*$)/i.test(language)
    ? Effect.void
    : Effect.fail(new EmbeddedError({ reason: new EnglishOnly({ language }) }))
