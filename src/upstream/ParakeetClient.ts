import { Context, Effect, Layer, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import type { EmbeddedError } from "../embedded/EmbeddedError.ts"
import type { ModelFolderError } from "../embedded/ModelFolder.ts"
import { Settings } from "../Settings.ts"
import type { EngineError } from "./EngineError.ts"
import type { EngineAddress, EngineProtocol } from "./EngineAddress.ts"
import { type Abilities, type Listening, textAlone } from "./Listening.ts"
import { makeParakeetAt } from "./ParakeetAt.ts"
import { makeParakeetEmbedded } from "./ParakeetEmbedded.ts"
import { makeParakeetLocal } from "./ParakeetLocal.ts"

/**
 * Speech to text.
 *
 * - `protocol`: what is spoken to it, where it is a server and that is known.
 * - `place`: where it is, if it is no server; absent: inside this process.
 * - `model`: the engine's own name, listed under `/v1/models`.
 * - `language`: BCP 47 of what it listens for where that is asked; absent means the engine's default.
 * - `abilities`: what may be asked of it beside the text.
 * - `transcribe`: what is said, as the engine answers it: a segment at a time, or all at once; nothing for silence. Interrupting the
 *   stream ends the call.
 * - `ready`: fails unless the engine says that it takes calls. Says nothing about whether it can infer.
 */
export class ParakeetClient extends Context.Service<
  ParakeetClient,
  {
    readonly protocol?: EngineProtocol | undefined
    readonly place?: string
    readonly model: string
    readonly language: (asked?: string) => string
    readonly abilities: Abilities
    readonly transcribe: (recording: Recording, asked?: Listening) => Stream.Stream<Segment, EngineError>
    readonly ready: Effect.Effect<void, EngineError>
  }
>()("aviary/upstream/ParakeetClient") {
  /** The Parakeet NIM at `url`. */
  static readonly layerNim = (url: URL) => ParakeetClient.layerAt({ url, protocol: "nim" })

  /** A server with OpenAI's `/v1/audio/transcriptions` at `url`. */
  static readonly layerOpenAi = (url: URL, options: Pick<EngineAddress, "key" | "model"> = {}) =>
    ParakeetClient.layerAt({ url, protocol: "openai", ...options })

  /** The server at an address, in its protocol. */
  static readonly layerAt = (address: EngineAddress) =>
    Layer.effect(
      ParakeetClient,
      Effect.flatMap(Settings, (settings) => makeParakeetAt(address, settings)),
    )

  /** Moonshine, inside this process: English. */
  static readonly layerEmbedded = Layer.effect(ParakeetClient, Effect.flatMap(Settings, makeParakeetEmbedded)).pipe(
    Layer.provide(
      Layer.unwrap(Effect.map(Settings, ({ embeddedRecognizer }) => Moonshine.layerSize(embeddedRecognizer))),
    ),
  )

  /** The model of sherpa-onnx in a folder of this machine. */
  static readonly layerLocal = (directory: string) =>
    Layer.effect(
      ParakeetClient,
      Effect.flatMap(Settings, (settings) => makeParakeetLocal(directory, settings)),
    )

  /** The engine inside this process: the model in the folder that the settings name, if they do. */
  static readonly layerInside = Layer.unwrap(
    Effect.map(
      Settings,
      ({ parakeetModelDir }): Layer.Layer<ParakeetClient, EmbeddedError | ModelFolderError, Settings> =>
        parakeetModelDir === undefined ? ParakeetClient.layerEmbedded : ParakeetClient.layerLocal(parakeetModelDir),
    ),
  )

  /** A test's own engine; whatever is left out hears `test` in every recording. */
  static readonly layerTest = (overrides: Partial<ParakeetClient["Service"]> = {}) =>
    Layer.succeed(ParakeetClient, {
      model: "test-parakeet",
      language: () => "en-US",
      abilities: textAlone,
      transcribe: () => Stream.succeed({ startMs: 0, endMs: 1_000, text: "test" }),
      ready: Effect.void,
      ...overrides,
    })
}
