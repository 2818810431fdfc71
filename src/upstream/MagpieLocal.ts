import { Effect, Stream } from "effect"
import { makeLocalVoice } from "../embedded/LocalVoice.ts"
import type { Settings } from "../Settings.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { errorOf } from "./EngineError.ts"
import type { Utterance } from "./Utterance.ts"

/** Code points of one utterance: it is spoken a sentence at a time, and what waits behind it should not wait long. */
const maxCharacters = 300

/** What `MagpieClient` promises, from the model in a folder. */
export const makeMagpieLocal = Effect.fnUntraced(function* (directory: string, settings: Settings["Service"]) {
  const local = yield* makeLocalVoice("AVIARY_MAGPIE_MODEL_DIR", directory)
  return {
    place: `${local.kind} in ${directory}`,
    model: settings.magpieModel ?? local.name,
    maxCharacters,
    supportsSpeed: true,
    voices: Effect.succeed(local.voices),
    synthesize: ({ speed, text, voice }: Utterance) =>
      local.speak(text, voice, speed).pipe(
        Stream.mapError((error) => errorOf("magpie")(embeddedFailure(error))),
        Stream.withSpan("MagpieClient.synthesize", { attributes: { voice } }),
      ),
    ready: Effect.void,
  }
})
