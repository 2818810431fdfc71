import { Effect, Stream } from "effect"
import { requireEnglish } from "../embedded/English.ts"
import { Flite, fliteVoices } from "../embedded/Flite.ts"
import { phonesOf } from "../embedded/IpaPhones.ts"
import { toAscii } from "../embedded/Sentences.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { errorOf } from "./EngineError.ts"
import type { Utterance } from "./Utterance.ts"

/** What is known of Flite before it is loaded. It shares Magpie's limit, so that text is cut as it would be for a NIM. */
export const fliteTraits = {
  model: "flite",
  maxCharacters: 2_000,
  supportsSpeed: false,
  takesIpa: (ipa: string) => phonesOf(ipa) !== undefined,
  audible: toAscii,
  voices: Effect.succeed<ReadonlyArray<string>>(Object.keys(fliteVoices)),
  ready: Effect.void,
}

/** What `MagpieClient` promises, from Flite. */
export const makeMagpieEmbedded = Effect.gen(function* () {
  const flite = yield* Flite
  return {
    ...fliteTraits,
    voices: Effect.succeed(flite.voices),
    synthesize: ({ language, sounds, text, voice }: Utterance) =>
      Stream.unwrap(Effect.as(requireEnglish(language), flite.speak(text, voice, sounds))).pipe(
        Stream.mapError((error) => errorOf("magpie")(embeddedFailure(error))),
      ),
  }
})
