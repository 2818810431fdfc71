import { Effect, Stream } from "effect"
import { type FileHandle, open } from "node:fs/promises"
import { createRequire } from "node:module"
import { recordingSampleRate } from "../audio/Recording.ts"
import { wavHeaderBytes } from "../audio/WavHeader.ts"
import { toFloats } from "../audio/WavSamples.ts"
import { nativeCall } from "../workers/NativeCalls.ts"
import { sherpaOnnx, type Vad } from "./SherpaOnnx.ts"

/** A stretch of speech, in samples from the beginning of a recording. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** Samples that a `Vad` is fed at a time. */
const vadWindow = 512

/** Samples that are read, and searched for speech, at a time. */
const blockSamples = 32 * vadWindow

/** After so many seconds of a stretch the VAD takes the next hint of a pause for its end: some reach 20 seconds. */
const longStretch = 15

/** A fresh Silero VAD, which ends a stretch of speech at a pause. */
const makeVad = (): Vad =>
  new (sherpaOnnx().Vad)(
    {
      sileroVad: {
        model: createRequire(import.meta.resolve("@usefulsensors/moonshine-js")).resolve(
          "@ricky0123/vad-web/dist/silero_vad_v5.onnx",
        ),
        threshold: 0.4,
        minSilenceDuration: 0.25,
        minSpeechDuration: 0.1,
        maxSpeechDuration: longStretch,
        windowSize: vadWindow,
      },
      sampleRate: recordingSampleRate,
      numThreads: 1,
    },
    4 * longStretch,
  )

/** Those that search nothing. Each takes half a second to make, and 12 MB of which the garbage collector knows nothing. */
const idle: Array<Vad> = []

const vadOfScope = Effect.acquireRelease(
  Effect.sync(() => idle.pop() ?? nativeCall(makeVad)),
  (vad) =>
    Effect.sync(() => {
      nativeCall(() => vad.reset())
      idle.push(vad)
    }),
)

/** Opens the WAV file of a recording. */
export const openRecording = (path: string): Promise<FileHandle> => open(path)

/** The samples of a recording from `from` to `to`, from -1 to 1. */
export const readSamples = async (file: FileHandle, from: number, to: number): Promise<Float32Array> => {
  const read = new Int16Array(to - from)
  const bytes = Buffer.from(read.buffer)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, wavHeaderBytes + 2 * from)
  if (bytesRead < bytes.length) throw new Error(`the recording ends ${(bytes.length - bytesRead) / 2} samples early`)
  const samples = new Float32Array(read.length)
  toFloats(read, samples)
  return samples
}

/** Where speech is in a recording of so many samples, in order, found as it is read: its length costs no memory. */
export const stretches = <E>(
  read: (from: number, to: number) => Stream.Stream<Float32Array, E>,
  samples: number,
): Stream.Stream<Stretch, E> =>
  Stream.unwrap(
    Effect.map(vadOfScope, (vad) =>
      Stream.range(0, Math.ceil(samples / blockSamples) - 1).pipe(
        Stream.flatMap((n) => read(n * blockSamples, Math.min((n + 1) * blockSamples, samples))),
        Stream.map((block) =>
          nativeCall(() => {
            for (let i = 0; i < block.length; i += vadWindow) vad.acceptWaveform(block.subarray(i, i + vadWindow))
            return [...found(vad)]
          }),
        ),
        Stream.concat(
          Stream.sync(() =>
            nativeCall(() => {
              vad.flush()
              return [...found(vad)]
            }),
          ),
        ),
        Stream.flattenIterable,
      ),
    ),
  )

function* found(vad: Vad): Generator<Stretch> {
  while (!vad.isEmpty()) {
    const { samples, start } = vad.front(false)
    vad.pop()
    yield { from: start, to: start + samples.length }
  }
}
