import { Effect } from "effect"
import { EmbeddedError, EnglishOnly } from "./EmbeddedError.ts"

/** Whether `language`, BCP 47, ISO 639-1, or OpenAI's name for it, is English. */
export const isEnglish = (language: string): boolean => /^\s*(en|eng|english)([-_]|\s*$)/i.test(language)

/** Fails for a language other than English. */
export const requireEnglish = (language: string): Effect.Effect<void, EmbeddedError> =>
  isEnglish(language) ? Effect.void : Effect.fail(new EmbeddedError({ reason: new EnglishOnly({ language }) }))
