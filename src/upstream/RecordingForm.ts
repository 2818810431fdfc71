import { openAsBlob } from "node:fs"
import { Effect } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { EngineUnreachable } from "./EngineFailure.ts"

/** Bytes of a transcript. Four hours of speech with segments and tokens are below 2 MiB. It is parsed on the event loop: 4 MB take 12 ms. */
export const answerLimit = 4 * 1_024 * 1_024

/** `recording` as a form with `fields`, each with its values. It is read from disk as it is sent. */
export const recordingForm = (
  recording: Recording,
  fields: Readonly<Record<string, ReadonlyArray<string>>>,
): Effect.Effect<FormData, EngineUnreachable> =>
  Effect.tryPromise({
    try: async () => {
      const form = new FormData()
      form.append("file", await openAsBlob(recording.path, { type: "audio/wav" }), "file.wav")
      for (const [name, values] of Object.entries(fields)) for (const value of values) form.append(name, value)
      return form
    },
    catch: (cause) => new EngineUnreachable({ message: `the recording cannot be read: ${String(cause)}` }),
  })
