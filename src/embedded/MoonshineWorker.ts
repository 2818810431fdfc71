import "../workers/StandBack.ts"
import { Effect, Stream } from "effect"
import { setImmediate } from "node:timers/promises"
import { workerData } from "node:worker_threads"
import { recordingSampleRate } from "../audio/Recording.ts"
import { nativeCall } from "../workers/NativeCalls.ts"
import { serve } from "../workers/WorkerServer.ts"
import type { MoonshineSize } from "./Moonshine.ts"
import { loadRecognizer, recognize } from "./MoonshineModel.ts"
import { MoonshineFailed, MoonshineRpcs } from "./MoonshineRpcs.ts"
import { openRecording, readSamples, stretches } from "./Stretches.ts"

/** Longest audio recognized in one go, in seconds. Words get wrong and memory grows beyond: 98 seconds took 1 GB. */
const longest = 20
/** Fewest samples that are recognized: the model breaks at none at all. */
const shortest = 0.1 * recordingSampleRate
/** Samples before and after a stretch that are listened to with it: the VAD cuts soft consonants off. */
const margin = 0.1 * recordingSampleRate
const samplesPerMs = recordingSampleRate / 1000

const { numThreads, size } = workerData as { readonly numThreads: number; readonly size: MoonshineSize }
const recognizer = nativeCall(() => loadRecognizer(size, numThreads))

const attempt = <A>(work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => new MoonshineFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
  })

const listen = (path: string, samples: number) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const file = yield* Effect.acquireRelease(
        attempt(() => openRecording(path)),
        (opened) => Effect.promise(() => opened.close()),
      )
      const read = (start: number, end: number) => attempt(() => readSamples(file, start, end))
      const parts =
        samples > longest * recordingSampleRate
          ? stretches((start, end) => Stream.fromEffect(read(start, end)), samples)
          : Stream.succeed({ from: 0, to: samples })
      return Stream.mapEffect(parts, ({ from, to }) =>
        Effect.gen(function* () {
          const audio = yield* read(Math.max(0, from - margin), Math.min(samples, to + margin))
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
