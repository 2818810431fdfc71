import { Effect, FileSystem, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import { recordingSampleRate } from "../audio/Recording.ts"
import { wavHeader, wavHeaderBytes } from "../audio/WavHeader.ts"
import type { Stretch } from "../embedded/Stretches.ts"
import { Scratch } from "../scratch/Scratch.ts"
import { spoolFailed } from "../audio/DecodeError.ts"

/**
 * Makes recordings of parts of recordings, on disk beside them; each goes with its scope. Nothing is copied where the part is all of it.
 */
export const makePartFiles = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { recordings } = yield* Scratch

  return Effect.fnUntraced(
    function* (recording: Recording, { from, to }: Stretch) {
      if (from === 0 && to === recording.samples) return recording
      const path = yield* recordings.file
      const samples = fs.stream(recording.path, { offset: wavHeaderBytes + 2 * from, bytesToRead: 2 * (to - from) })
      const header = wavHeader(recordingSampleRate, 2 * (to - from))
      yield* Stream.run(Stream.concat(Stream.succeed(header), samples), fs.sink(path))
      return { path, samples: to - from } satisfies Recording
    },
    Effect.mapError((error) => spoolFailed(error.cause)),
  )
})
