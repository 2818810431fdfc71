import { Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { embeddedError } from "./EmbeddedError.ts"
import { localThreads, startLocal } from "./LocalModel.ts"
import { findRecognizer } from "./RecognizerFolder.ts"
import { RecognizerRpcs } from "./RecognizerRpcs.ts"

/** Recordings that are listened to at a time, by turns, a stretch of speech each. */
const concurrency = 8

/**
 * The recognizer of sherpa-onnx in `directory`, which `setting` names, in a process of its own. It is loaded, and has listened once, when
 * this returns. `listen` is as Moonshine's, with the times of words where the model knows them.
 */
export const makeLocalRecognizer = Effect.fnUntraced(function* (setting: string, directory: string) {
  const model = yield* findRecognizer(setting, directory, localThreads)
  const pool = yield* startLocal(RecognizerRpcs, "LocalRecognizerWorker", setting, model, {
    concurrency,
    workerData: { modelConfig: model.config },
  })
  return {
    ...model,
    listen: (recording: Recording) =>
      pool
        .stream((client) =>
          client.Listen({ path: recording.path, samples: recording.samples }, { streamBufferSize: 1 }),
        )
        .pipe(Stream.mapError(embeddedError)),
  }
})
