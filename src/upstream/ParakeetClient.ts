import { Context, Effect, Layer } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import { Settings } from "../Settings.ts"
import type { EngineError } from "./EngineError.ts"
import { makeParakeetEmbedded } from "./ParakeetEmbedded.ts"
import { makeParakeetNim } from "./ParakeetNim.ts"
import type { Transcript } from "./Transcript.ts"

/**
 * Speech to text.
 *
 * - `model`: the engine's own name, listed under `/v1/models`.
 * - `transcribe`: `language` is BCP 47 or ISO 639-1; absent means the engine's default. Interrupting it ends the call.
 * - `ready`: fails unless the engine says that it takes calls. Says nothing about whether it can infer.
 */
export class ParakeetClient extends Context.Service<
  ParakeetClient,
  {
    readonly model: string
    readonly transcribe: (
      recording: Recording,
      options?: { readonly language?: string | undefined },
    ) => Effect.Effect<Transcript, EngineError>
    readonly ready: Effect.Effect<void, EngineError>
  }
>()("aviary/upstream/ParakeetClient") {
  /** The Parakeet NIM at `url`. */
  static readonly layerNim = (url: URL) =>
    Layer.effect(
      ParakeetClient,
      Effect.flatMap(Settings, (settings) => makeParakeetNim(url, settings)),
    )

  /** Moonshine, inside this process: English. */
  static readonly layerEmbedded = Layer.effect(ParakeetClient, Effect.flatMap(Settings, makeParakeetEmbedded)).pipe(
    Layer.provide(
      Layer.unwrap(Effect.map(Settings, ({ embeddedRecognizer }) => Moonshine.layerSize(embeddedRecognizer))),
    ),
  )

  /** A test's own engine; whatever is left out hears `test` in every recording. */
  static readonly layerTest = (overrides: Partial<ParakeetClient["Service"]> = {}) =>
    Layer.succeed(ParakeetClient, {
      model: "test-parakeet",
      transcribe: () => Effect.succeed({ text: "test", language: "en-US", segments: [] }),
      ready: Effect.void,
      ...overrides,
    })
}
