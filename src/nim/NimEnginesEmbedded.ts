import { Effect, Layer, Stream } from "effect"
import { AudioDecoder } from "../audio/AudioDecoder.ts"
import { textOf } from "../audio/Segment.ts"
import { isSsml, soundsOfSsml, withoutSsml } from "../audio/Ssml.ts"
import { EmbeddedError } from "../embedded/EmbeddedError.ts"
import { Flite } from "../embedded/Flite.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import { NimEngineError, NimEngines } from "./NimEngines.ts"

const messageOf = ({ reason }: EmbeddedError) =>
  "message" in reason && reason.message !== "" ? reason.message : reason._tag

const asEngineError = (error: EmbeddedError) =>
  new NimEngineError({
    message: messageOf(error),
    clientFault: ["NothingToSay", "NoSuchVoice", "EnglishOnly"].includes(error.reason._tag),
  })

/** Flite and Moonshine in place of Magpie and Parakeet: honest stand-ins, English only. */
export const nimEnginesEmbedded = Layer.effect(
  NimEngines,
  Effect.gen(function* () {
    const flite = yield* Flite
    const moonshine = yield* Moonshine
    const decoder = yield* AudioDecoder
    return {
      speechModel: "flite",
      transcriptionModel: moonshine.model,
      voices: flite.voices,
      languages: ["en-US"],
      synthesize: ({ text, voice }) =>
        Stream.mapError(
          isSsml(text) ? flite.speak(withoutSsml(text), voice, soundsOfSsml(text)) : flite.speak(text, voice),
          asEngineError,
        ),
      transcribe: (path) =>
        Effect.scoped(
          Effect.gen(function* () {
            const recording = yield* decoder
              .decode(path)
              .pipe(Effect.mapError(({ reason }) => new NimEngineError({ message: reason.message, clientFault: true })))
            return textOf(yield* Effect.mapError(Stream.runCollect(moonshine.listen(recording)), asEngineError))
          }),
        ),
    }
  }),
)
