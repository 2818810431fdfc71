import "../workers/StandBack.ts"
import { Effect, Stream } from "effect"
import { type FileHandle, open } from "node:fs/promises"
import { setImmediate } from "node:timers/promises"
import { workerData } from "node:worker_threads"
import { recordingSampleRate } from "../audio/Recording.ts"
import { wavHeaderBytes } from "../audio/Wav.ts"
import { nativeCall } from "../workers/NativeCalls.ts"
import { serve } from "../workers/WorkerServer.ts"
import type { MoonshineSize } from "./Moonshine.ts"
import { loadRecognizer, makeVad, recognize, vadWindow } from "./MoonshineModel.ts"
import { MoonshineFailed, MoonshineRpcs } from "./MoonshineRpcs.ts"
import type { Vad } from "./SherpaOnnx.ts"

/** Longest audio recognized in one go, in seconds. Words get wrong and memory grows beyond: 98 seconds took 1 GB. */
const longest = 20
/** Fewest samples that are recognized: the model breaks at none at all. */
const shortest = 0.1 * recordingSampleRate
/** Samples before and after a stretch that are listened to with it: the VAD cuts soft consonants off. */
const margin = 0.1 * recordingSampleRate
/** Samples that are read, and searched for speech, at a time. */
const blockSamples = 32 * vadWindow
const samplesPerMs = recordingSampleRate / 1000

const { numThreads, size } = workerData as { readonly numThreads: number; readonly size: MoonshineSize }
const recognizer = nativeCall(() => loadRecognizer(size, numThreads))

const attempt = <A>(work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => new MoonshineFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
  })

const read = (file: FileHandle, from: number, to: number) =>
  attempt(async () => {
    const bytes = Buffer.alloc(2 * (to - from))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, wavHeaderBytes + 2 * from)
    if (bytesRead < bytes.length) throw new Error(`the recording ends ${(bytes.length - bytesRead) / 2} samples early`)
    return Float32Array.from({ length: to - from }, (_, i) => bytes.readInt16LE(2 * i) / 32_768)
  })

interface Stretch {
  readonly from: number
  readonly to: number
}

const stretches = (file: FileHandle, samples: number): Stream.Stream<Stretch, MoonshineFailed> =>
  Stream.suspend(() => {
    const vad = nativeCall(makeVad)
    return Stream.range(0, Math.ceil(samples / blockSamples) - 1).pipe(
      Stream.mapEffect((n) => read(file, n * blockSamples, Math.min((n + 1) * blockSamples, samples))),
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
    )
  })

function* found(vad: Vad): Generator<Stretch> {
  while (!vad.isEmpty()) {
    const { samples, start } = vad.front(false)
    vad.pop()
    yield { from: start, to: start + samples.length }
  }
}

const listen = (path: string, samples: number) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const file = yield* Effect.acquireRelease(
        attempt(() => open(path)),
        (opened) => Effect.promise(() => opened.close()),
      )
      const parts =
        samples > longest * recordingSampleRate ? stretches(file, samples) : Stream.succeed({ from: 0, to: samples })
      return Stream.mapEffect(parts, ({ from, to }) =>
        Effect.gen(function* () {
          const audio = yield* read(file, Math.max(0, from - margin), Math.min(samples, to + margin))
          // The one place where an interruption, or another recording's turn, can come in.
          yield* Effect.promise(() => setImmediate())
          return {
            startMs: Math.round(from / samplesPerMs),
            endMs: Math.round(to / samplesPerMs),
            text: audio.length < shortest ? "" : nativeCall(() => recognize(recognizer, audio)),
          }
        }),
      )
    }),
  )

serve(
  MoonshineRpcs,
  MoonshineRpcs.toLayer({
    Listen: ({ path, samples }) =>
      listen(path, samples).pipe(
        Stream.filter(({ text }) => text !== ""),
        Stream.map((segment, n) => (n === 0 ? segment : { ...segment, text: ` ${segment.text}` })),
      ),
  }),
)
