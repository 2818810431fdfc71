import { Effect, Stream } from "effect"
import { requireEnglish } from "../embedded/English.ts"
import { Flite } from "../embedded/Flite.ts"
import { phonesOf } from "../embedded/IpaPhones.ts"
import { toAscii } from "../embedded/Sentences.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { errorOf } from "./EngineError.ts"
import type { Utterance } from "./Utterance.ts"

/** What `MagpieClient` promises, from Flite. It shares Magpie's limit, so that text is cut as it would be for a NIM. */
export const makeMagpieEmbedded = Effect.gen(function* () {
  const flite = yield* Flite
  return {
    model: "flite",
    maxCharacters: 2_000,
    supportsSpeed: false,
    takesIpa: (ipa: string) => phonesOf(ipa) !== undefined,
    audible: toAscii,
    voices: Effect.succeed(flite.voices),
    synthesize: ({ language, sounds, text, voice }: Utterance) =>
      Stream.unwrap(Effect.as(requireEnglish(language), flite.speak(text, voice, sounds))).pipe(
        Stream.mapError((error) => errorOf("magpie")(embeddedFailure(error))),
      ),
    ready: Effect.void,
  }
})
