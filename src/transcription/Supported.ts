import { Effect } from "effect"
import { languageName } from "../audio/Language.ts"
import type { Engines, Member } from "../health/Fleet.ts"
import type { ParakeetClient } from "../upstream/ParakeetClient.ts"
import type { Abilities, Listening } from "../upstream/Listening.ts"
import { TranscriptionError, Unsupported } from "./TranscriptionError.ts"

type Traits = Pick<ParakeetClient["Service"], "abilities" | "language">

const unsupported = (param: string, message: string) =>
  new TranscriptionError({ reason: new Unsupported({ param, message }) })

/** Why what is asked for is neither this engine's to tell nor the gateway's to find; undefined where it is. */
const lack = (asked: Listening, { abilities, language }: Traits): TranscriptionError | undefined => {
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
  return undefined
}

/** Fails where none of the engines has what is asked for. */
export const checkSupported = (
  asked: Listening,
  engines: ReadonlyArray<Traits>,
): Effect.Effect<void, TranscriptionError> => {
  const lacks = engines.map((engine) => lack(asked, engine))
  const [first] = lacks
  return first === undefined || lacks.includes(undefined) ? Effect.void : Effect.fail(first)
}

/** Those of several engines that have what is asked for; undefined where all have it, or none. */
export const ableTo = (asked: Listening, members: ReadonlyArray<Member<"parakeet">>) => {
  const able = members.filter(({ client }) => lack(asked, client) === undefined)
  return able.length === 0 || able.length === members.length ? undefined : new Set(able.map(({ id }) => id))
}

/** What can be expected whichever engine answers. Of a server it is known once it has answered, so it is asked for each time. */
export const commonAbilities = ({ of }: Pick<Engines, "of">): Abilities => {
  const all = of("parakeet").map(({ client }) => client.abilities)
  const have = (ability: keyof Abilities) => all.every((one) => one[ability])
  return {
    streams: have("streams"),
    times: have("times"),
    words: have("words"),
    speakers: have("speakers"),
    translates: have("translates"),
  }
}
