import { Context, Effect, Layer, RcRef } from "effect"
import type { Recording } from "../audio/Recording.ts"
import type { Word } from "../audio/Segment.ts"
import * as WorkerPool from "../workers/WorkerPool.ts"
import { type EmbeddedError, embeddedError } from "./EmbeddedError.ts"
import type { Stretch } from "./Stretches.ts"
import { WordAlignerRpcs } from "./WordAlignerRpcs.ts"

const make = Effect.gen(function* () {
  const threads = yield* RcRef.make({
    acquire: Effect.mapError(
      WorkerPool.make(WordAlignerRpcs, {
        url: WorkerPool.workerUrl("WordAlignerWorker", import.meta.url),
        size: 1,
        // A stretch of 30 seconds takes less than one, but on a machine that is busy with other things.
        unresponsiveAfter: "30 seconds",
      }),
      embeddedError,
    ),
    idleTimeToLive: "10 minutes",
  })
  return WordAligner.of({
    align: Effect.fn("WordAligner.align")(({ path }, { from, to }, text) =>
      Effect.scoped(
        Effect.flatMap(RcRef.get(threads), (pool) =>
          pool.run((client) => client.Align({ path, from, to, text })).pipe(Effect.mapError(embeddedError)),
        ),
      ),
    ),
  })
})

/**
 * Tells where the words of an English text lie in a recording of it, in a thread that is started when it is first needed.
 *
 * - `align`: each word of `text`, which is spoken in that stretch of the recording; none where it cannot be what is said there
 */
export class WordAligner extends Context.Service<
  WordAligner,
  {
    readonly align: (
      recording: Recording,
      stretch: Stretch,
      text: string,
    ) => Effect.Effect<ReadonlyArray<Word>, EmbeddedError>
  }
>()("aviary/embedded/WordAligner") {
  static readonly layer = Layer.effect(WordAligner, make)

  /** Aligns nothing. */
  static readonly layerTest = (align: WordAligner["Service"]["align"] = () => Effect.succeed([])) =>
    Layer.succeed(WordAligner, { align })
}
