import { Effect } from "effect"
import { languageName } from "../audio/Language.ts"
import type { ParakeetClient } from "../upstream/ParakeetClient.ts"
import type { Listening } from "../upstream/Listening.ts"
import { TranscriptionError, Unsupported } from "./TranscriptionError.ts"

const unsupported = (param: string, message: string) =>
  Effect.fail(new TranscriptionError({ reason: new Unsupported({ param, message }) }))

/** Fails where what is asked for is neither the engine's to tell nor the gateway's to find. */
export const checkSupported = (
  asked: Listening,
  { abilities, language }: Pick<ParakeetClient["Service"], "abilities" | "language">,
): Effect.Effect<void, TranscriptionError> => {
  if (asked.translate === true && !abilities.translates) {
    return unsupported(
      "model",
      "the speech-to-text engine here writes down what it hears and cannot translate it. Send the recording to /v1/audio/transcriptions.",
    )
  }
  if (asked.speakers === true && !abilities.speakers) {
    return unsupported(
      "response_format",
      "the speech-to-text engine here does not tell speakers apart, so there is no diarized_json. Ask for verbose_json.",
    )
  }
  const spoken = languageName(language(asked.language))
  if (asked.words === true && !abilities.words && spoken !== "english") {
    return unsupported(
      "timestamp_granularities",
      `the speech-to-text engine here tells no times of words, and the gateway finds those of English only, not of ${spoken}. Leave out "word".`,
    )
  }
  return Effect.void
}
