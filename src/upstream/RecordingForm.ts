import { Effect } from "effect"
import { HttpBody } from "effect/http"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"
import { Readable } from "node:stream"
import type { Recording } from "../audio/Recording.ts"
import { EngineUnreachable } from "./EngineFailure.ts"
import { formParts } from "./FormBytes.ts"

/** Bytes of a transcript. Four hours of speech with segments and tokens are below 2 MiB. It is parsed on the event loop: 4 MB take 12 ms. */
export const answerLimit = 4 * 1_024 * 1_024

/**
 * `recording` as a form with `fields`, each with its values; what `EngineHttp` sends. It is read from disk as it is sent, from its beginning to wherever the call ends.
 *
 * Not by `FormData`: Node reads all of that into a stream by a promise that nobody holds (`extractBody` of its `fetch`), and a call that is broken off
 * closes the stream under it. The promise is rejected, and that ends the process.
 */
export const recordingForm = (
  recording: Recording,
  fields: Readonly<Record<string, ReadonlyArray<string>>>,
): Effect.Effect<HttpBody.Raw, EngineUnreachable> =>
  Effect.map(
    Effect.tryPromise({
      try: () => stat(recording.path),
      catch: (cause) => new EngineUnreachable({ message: `the recording cannot be read: ${String(cause)}` }),
    }),
    () => formOf(recording, fields),
  )

/** Its body can be read once. */
const formOf = ({ path }: Recording, fields: Readonly<Record<string, ReadonlyArray<string>>>): HttpBody.Raw => {
  const { contentType, end, file, text } = formParts()
  const texts = Object.entries(fields).flatMap(([name, values]) => values.map((value) => text(name, value)))
  const pieces = async function* () {
    yield Buffer.from(file("file", "file.wav", "audio/wav"))
    yield* createReadStream(path)
    yield Buffer.from(`\r\n${texts.join("")}${end}`)
  }
  // Opens nothing before it is read.
  return HttpBody.raw(Readable.from(pieces(), { objectMode: false }), { contentType })
}
