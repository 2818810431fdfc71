import { Context, Effect, Layer, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import * as WorkerPool from "../workers/WorkerPool.ts"
import { type EmbeddedError, embeddedError } from "./EmbeddedError.ts"
import { localThreads } from "./LocalModel.ts"
import { RecognizerRpcs } from "./RecognizerRpcs.ts"

/** The two sizes of the model whose weights come along. Base needs twice the time and makes half the mistakes in synthetic speech. */
export type MoonshineSize = "base" | "tiny"

/** Recordings that are listened to at a time, by turns, a stretch of speech each. */
const concurrency = 8

/**
 * Moonshine, a neural recognizer of English, in a thread of this process.
 *
 * `model`: its name and size.
 * `listen`: the stretches of speech in a recording, as they are recognized. A recording of 20 seconds or less is one
 * stretch; a longer one is cut at its pauses, and read as it is needed, so its length costs no memory. Interrupting the
 * stream ends the work behind the stretch under way.
 */
interface Recognizer {
  readonly model: `moonshine-${MoonshineSize}`
  readonly listen: (recording: Recording) => Stream.Stream<Segment, EmbeddedError>
}

const make = Effect.fnUntraced(function* (size: MoonshineSize) {
  const pool = yield* WorkerPool.make(RecognizerRpcs, {
    url: WorkerPool.workerUrl("MoonshineWorker", import.meta.url),
    size: 1,
    concurrency,
    unresponsiveAfter: "30 seconds",
    workerData: { numThreads: localThreads, size },
  }).pipe(Effect.mapError(embeddedError))

  const service: Recognizer = {
    model: `moonshine-${size}`,
    listen: (recording) =>
      pool
        .stream((client) =>
          client.Listen({ path: recording.path, samples: recording.samples }, { streamBufferSize: 1 }),
        )
        .pipe(Stream.mapError(embeddedError)),
  }
  return service
})

/** See `Recognizer`. */
export class Moonshine extends Context.Service<Moonshine, Recognizer>()("aviary/embedded/Moonshine") {
  /** The model is loaded when the layer is built. One recognition uses all cores but one, at most four. */
  static readonly layerSize = (size: MoonshineSize) => Layer.effect(Moonshine, make(size))

  static readonly layer = Moonshine.layerSize("base")
}
