import { Context, Effect, Layer, RcRef, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import * as WorkerPool from "../workers/WorkerPool.ts"
import { type EmbeddedError, embeddedError } from "./EmbeddedError.ts"
import { SpeechFinderRpcs } from "./SpeechFinderRpcs.ts"
import type { Stretch } from "./Stretches.ts"

/** Recordings that are searched at a time, by turns; what searches takes 12 MB for each. */
const concurrency = 2

const make = Effect.gen(function* () {
  // Most recordings are heard whole, so a gateway may never need the thread.
  const threads = yield* RcRef.make({
    acquire: Effect.mapError(
      WorkerPool.make(SpeechFinderRpcs, {
        url: WorkerPool.workerUrl("SpeechFinderWorker", import.meta.url),
        size: 1,
        concurrency,
      }),
      embeddedError,
    ),
    idleTimeToLive: "10 minutes",
  })
  return SpeechFinder.of({
    find: ({ path, samples }) =>
      Stream.unwrap(
        Effect.map(RcRef.get(threads), (pool) =>
          pool
            .stream((client) => client.Find({ path, samples }, { streamBufferSize: 16 }))
            // To the end, however slowly its speech is heard: others wait for the place.
            .pipe(Stream.mapError(embeddedError), Stream.buffer({ capacity: "unbounded" })),
        ),
      ),
  })
})

/**
 * Finds speech in recordings (Silero VAD), in a thread that is started when it is first needed.
 *
 * - `find`: where speech is, in samples and in order, as the recording is read. A long talk without a pause comes in stretches that
 *   touch.
 */
export class SpeechFinder extends Context.Service<
  SpeechFinder,
  { readonly find: (recording: Recording) => Stream.Stream<Stretch, EmbeddedError> }
>()("aviary/embedded/SpeechFinder") {
  static readonly layer = Layer.effect(SpeechFinder, make)

  /** All of a recording is speech. */
  static readonly layerTest = (
    find: SpeechFinder["Service"]["find"] = ({ samples }) => Stream.succeed({ from: 0, to: samples }),
  ) => Layer.succeed(SpeechFinder, { find })
}
