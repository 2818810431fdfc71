import { Context, Effect, Layer, Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { Flite } from "../embedded/Flite.ts"
import type { EmbeddedError } from "../embedded/EmbeddedError.ts"
import type { ModelFolderError } from "../embedded/ModelFolder.ts"
import { Settings } from "../Settings.ts"
import type { EngineAddress, EngineProtocol } from "./EngineAddress.ts"
import type { EngineError } from "./EngineError.ts"
import { makeMagpieAt } from "./MagpieAt.ts"
import { makeMagpieEmbedded } from "./MagpieEmbedded.ts"
import { makeMagpieLocal } from "./MagpieLocal.ts"
import type { Utterance } from "./Utterance.ts"

/**
 * Text to speech.
 *
 * - `protocol`: what is spoken to it, where it is a server and that is known.
 * - `place`: where it is, if it is no server; absent: inside this process.
 * - `model`: the engine's own name and version, such as `magpie-tts-multilingual`; part of every cache key.
 * - `maxCharacters`: longest text of one utterance, in code points.
 * - `supportsSpeed`: whether `speed` other than 1 changes the audio; a NIM has no such field.
 * - `supportsSsml`: whether a text that is one SSML document is taken for what it says; absent: it would be read out
 * - `takesIpa`: whether a word that sounds so can be handed to it as it sounds; absent: none can
 * - `audible`: what of a text its voices can say, known without asking; absent: the engine alone knows.
 * - `voices`: voice ids as the engine lists them now.
 * - `synthesize`: PCM as it is made. Interrupting the stream ends the engine's work.
 * - `ready`: fails unless the engine says that it takes calls. Says nothing about whether it can infer.
 */
export class MagpieClient extends Context.Service<
  MagpieClient,
  {
    readonly protocol?: EngineProtocol | undefined
    readonly place?: string
    readonly model: string
    readonly maxCharacters: number
    readonly supportsSpeed: boolean
    readonly supportsSsml?: boolean
    readonly takesIpa?: (ipa: string) => boolean
    readonly audible?: (text: string) => string
    readonly voices: Effect.Effect<ReadonlyArray<string>, EngineError>
    readonly synthesize: (utterance: Utterance) => Stream.Stream<Pcm, EngineError>
    readonly ready: Effect.Effect<void, EngineError>
  }
>()("aviary/upstream/MagpieClient") {
  /** The Magpie NIM at `url`. */
  static readonly layerNim = (url: URL) => MagpieClient.layerAt({ url, protocol: "nim" })

  /** A server with OpenAI's `/v1/audio/speech` at `url`. */
  static readonly layerOpenAi = (url: URL, options: Pick<EngineAddress, "key" | "model" | "voices"> = {}) =>
    MagpieClient.layerAt({ url, protocol: "openai", ...options })

  /** The server at an address, in its protocol. */
  static readonly layerAt = (address: EngineAddress) =>
    Layer.effect(
      MagpieClient,
      Effect.flatMap(Settings, (settings) => makeMagpieAt(address, settings)),
    )

  /** Flite, inside this process: English in a classic synthesizer's voices. */
  static readonly layerEmbedded = Layer.effect(MagpieClient, makeMagpieEmbedded).pipe(Layer.provide(Flite.layer))

  /** The voice of sherpa-onnx in a folder of this machine. */
  static readonly layerLocal = (directory: string) =>
    Layer.effect(
      MagpieClient,
      Effect.flatMap(Settings, (settings) => makeMagpieLocal(directory, settings)),
    )

  /** The engine inside this process: the model in the folder that the settings name, if they do. */
  static readonly layerInside = Layer.unwrap(
    Effect.map(Settings, ({ magpieModelDir }): Layer.Layer<MagpieClient, EmbeddedError | ModelFolderError, Settings> =>
      magpieModelDir === undefined ? MagpieClient.layerEmbedded : MagpieClient.layerLocal(magpieModelDir),
    ),
  )

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

const tone: Pcm = {
  sampleRate: 22_050,
  samples: Int16Array.from({ length: 1_323 }, (_, i) => Math.round(8_000 * Math.sin((2 * Math.PI * 440 * i) / 22_050))),
}
