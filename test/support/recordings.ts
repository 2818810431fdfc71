import { Effect, FileSystem, Path } from "effect"
import { readFileSync } from "node:fs"
import type { Pcm } from "../../src/audio/Pcm.ts"
import type { Recording } from "../../src/audio/Recording.ts"
import { wavHeader, wavHeaderBytes } from "../../src/audio/WavHeader.ts"

/** The samples of `recording`. */
export const samplesOf = (recording: Recording): Int16Array => {
  const bytes = readFileSync(recording.path).subarray(wavHeaderBytes)
  return new Int16Array(Uint8Array.from(bytes).buffer)
}

/** A recording of all `parts`, at 16 kHz, one after another; its file goes with the scope. */
export const recordingOf = Effect.fnUntraced(function* (parts: ReadonlyArray<Int16Array>) {
  const fs = yield* FileSystem.FileSystem
  const path = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "recording.wav")
  const samples = parts.reduce((sum, part) => sum + part.length, 0)
  const bytes = Buffer.concat([
    wavHeader(16_000, 2 * samples),
    ...parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  ])
  yield* fs.writeFile(path, bytes)
  return { path, samples } satisfies Recording
})

/** The same of what an engine made. */
export const recordingOfSpeech = (chunks: ReadonlyArray<Pcm>) => recordingOf(chunks.map(({ samples }) => samples))
