import { Context, Duration, Effect, Exit, Fiber, Layer, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import type { EmbeddedError } from "../embedded/EmbeddedError.ts"
import { Settings } from "../Settings.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { type EngineError, errorOf } from "./EngineError.ts"
import type { EngineKind } from "./EngineKind.ts"
import type { Listening } from "./Listening.ts"
import { MagpieClient } from "./MagpieClient.ts"
import { fliteTraits } from "./MagpieEmbedded.ts"
import { ParakeetClient } from "./ParakeetClient.ts"
import { moonshineTraits } from "./ParakeetEmbedded.ts"
import type { Utterance } from "./Utterance.ts"

/** Follows the name of a model that stands in for another: so no entry of the cache is taken for one of an engine with the same model. */
const mark = "-fallback"

const trades: { readonly [K in EngineKind]: string } = { magpie: "voice", parakeet: "recognizer" }

const rounded = (time: Duration.Duration) => Duration.format(Duration.millis(Math.round(Duration.toMillis(time))))

/** The engine inside, loaded by the first call that needs it and kept from then on. Where that fails the next call tries again. */
const onceNeeded = Effect.fnUntraced(function* <I, S>(
  kind: EngineKind,
  tag: Context.Key<I, S>,
  layer: Layer.Layer<I, EmbeddedError, Settings>,
) {
  const settings = yield* Settings
  const scope = yield* Effect.scope
  let loading: Fiber.Fiber<S, EngineError> | undefined
  const load = Layer.buildWithScope(Layer.provide(layer, Layer.succeed(Settings, settings)), scope).pipe(
    Effect.map((context) => Context.get(context, tag)),
    Effect.mapError((error) => errorOf(kind)(embeddedFailure(error))),
    Effect.timed,
    Effect.tap(([took]) => Effect.logInfo(`the embedded ${trades[kind]} is loaded, in ${rounded(took)}`)),
    Effect.map(([, loaded]) => loaded),
  )
  return Effect.suspend(() => {
    if (loading !== undefined) return Fiber.join(loading)
    // It belongs to no call: one that leaves takes it from nobody.
    return Effect.flatMap(Effect.forkIn(load, scope), (fiber) => {
      loading = fiber
      fiber.addObserver((exit) => {
        if (Exit.isFailure(exit)) loading = undefined
      })
      return Fiber.join(fiber)
    })
  })
})

/** What `MagpieClient` promises, from Flite, which is loaded when somebody needs it. */
export const makeMagpieStandIn = Effect.gen(function* () {
  const loaded = yield* onceNeeded("magpie", MagpieClient, MagpieClient.layerEmbedded)
  return {
    ...fliteTraits,
    model: `${fliteTraits.model}${mark}`,
    synthesize: (utterance: Utterance) => Stream.unwrap(Effect.map(loaded, ({ synthesize }) => synthesize(utterance))),
  } satisfies MagpieClient["Service"]
})

/** What `ParakeetClient` promises, from Moonshine, which is loaded when somebody needs it. */
export const makeParakeetStandIn = Effect.gen(function* () {
  const { embeddedRecognizer } = yield* Settings
  const loaded = yield* onceNeeded("parakeet", ParakeetClient, ParakeetClient.layerEmbedded)
  return {
    ...moonshineTraits,
    model: `moonshine-${embeddedRecognizer}${mark}`,
    transcribe: (recording: Recording, asked?: Listening) =>
      Stream.unwrap(Effect.map(loaded, ({ transcribe }) => transcribe(recording, asked))),
  } satisfies ParakeetClient["Service"]
})
