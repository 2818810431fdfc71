import { Effect, RcRef } from "effect"
import { make as makePool, workerUrl } from "../../workers/WorkerPool.ts"
import { Errors } from "../../contract/Errors.ts"
import { JsonUploadRpcs } from "./JsonUploadRpcs.ts"

/**
 * Takes a recording out of JSON, as Open WebUI can send it: `{"model": …, "input_audio": {"data": base64, "format": "wav"}}`. In a
 * thread, since 25 MiB of it take the event loop a tenth of a second.
 */
export const makeJsonUpload = Effect.gen(function* () {
  const threads = yield* RcRef.make({
    acquire: makePool(JsonUploadRpcs, {
      url: workerUrl("JsonUploadWorker", import.meta.url),
      size: 1,
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    }),
    idleTimeToLive: "5 minutes",
  })

  /** The other fields of the JSON in the file `input`; the recording goes to `output`. */
  return Effect.fnUntraced(function* (input: string, output: string) {
    const unwrapped = Effect.flatMap(RcRef.get(threads), (pool) =>
      pool.run((client) => client.Unwrap({ input, output })),
    )
    return yield* Effect.scoped(unwrapped).pipe(
      Effect.catchTag("WorkerLost", Errors.invalidJson),
      Effect.catchTag("JsonUploadFault", ({ fault }) => {
        switch (fault) {
          case "json":
            return Errors.invalidJson()
          case "body":
            return Errors.invalidBody()
          case "data":
            return Errors.missingParameter("input_audio.data")
          case "base64":
            return Errors.invalidValue("input_audio.data", "expected a recording in base64")
          case "disk":
            return Errors.storageUnavailable()
        }
      }),
    )
  })
})
