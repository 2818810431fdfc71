import { Context, Effect, Layer, Schema, Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { Flite } from "../embedded/Flite.ts"
import { Settings } from "../Settings.ts"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import { EngineFailure } from "./EngineFailure.ts"
import { makeMagpieEmbedded } from "./MagpieEmbedded.ts"
import { makeMagpieNim } from "./MagpieNim.ts"
import type { Utterance } from "./Utterance.ts"

/** A synthesis or a voice listing that Magpie did not deliver. */
export class MagpieError extends Schema.TaggedError<MagpieError>()("MagpieError", { reason: EngineFailure }) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

/**
 * Text to speech.
 *
 * - `model`: the engine's own name and version, such as `magpie-tts-multilingual`; part of every cache key.
 * - `maxCharacters`: longest text of one utterance, in code points.
 * - `supportsSpeed`: whether `speed` other than 1 changes the audio; a NIM has no such field.
 * - `audible`: what of a text its voices can say, known without asking; absent: the engine alone knows.
 * - `voices`: voice ids as the engine lists them now.
 * - `synthesize`: PCM as it is made. Interrupting the stream ends the engine's work.
 * - `ready`: fails unless the engine says that it takes calls. Says nothing about whether it can infer.
 */
export class MagpieClient extends Context.Service<
  MagpieClient,
  {
    readonly model: string
    readonly maxCharacters: number
    readonly supportsSpeed: boolean
    readonly audible?: (text: string) => string
    readonly voices: Effect.Effect<ReadonlyArray<string>, MagpieError>
    readonly synthesize: (utterance: Utterance) => Stream.Stream<Pcm, MagpieError>
    readonly ready: Effect.Effect<void, MagpieError>
  }
>()("aviary/upstream/MagpieClient") {
  /** The Magpie NIM at `url`. */
  static readonly layerNim = (url: URL) =>
    Layer.effect(
      MagpieClient,
      Effect.map(
        Effect.flatMap(Settings, (settings) => makeMagpieNim(url, settings)),
        (nim) => ({
          ...nim,
          voices: Effect.mapError(nim.voices, asMagpieError),
          ready: Effect.mapError(nim.ready, asMagpieError),
          synthesize: (utterance: Utterance) => Stream.mapError(nim.synthesize(utterance), asMagpieError),
        }),
      ),
    )

  /** Flite, inside this process: English in a classic synthesizer's voices. */
  static readonly layerEmbedded = Layer.effect(
    MagpieClient,
    Effect.map(makeMagpieEmbedded, (flite) => ({
      ...flite,
      synthesize: (utterance: Utterance) => Stream.mapError(flite.synthesize(utterance), asMagpieError),
    })),
  ).pipe(Layer.provide(Flite.layer))

  /** A test's own engine; whatever is left out speaks 60 ms of a tone per character with the voice `Test.EN-US.Tone`. */
  static readonly layerTest = (overrides: Partial<MagpieClient["Service"]> = {}) =>
    Layer.succeed(MagpieClient, {
      model: "test-magpie",
      maxCharacters: 2_000,
      supportsSpeed: true,
      voices: Effect.succeed(["Test.EN-US.Tone"]),
      synthesize: ({ text }) => Stream.fromIterable(Array.from(text, () => tone)),
      ready: Effect.void,
      ...overrides,
    })
}

const asMagpieError = (reason: EngineFailure) => new MagpieError({ reason })

const tone: Pcm = {
  sampleRate: 22_050,
  samples: Int16Array.from({ length: 1_323 }, (_, i) => Math.round(8_000 * Math.sin((2 * Math.PI * 440 * i) / 22_050))),
}
