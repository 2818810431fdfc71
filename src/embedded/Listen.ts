import { Effect, Stream } from "effect"
import { setImmediate } from "node:timers/promises"
import { recordingSampleRate } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import { nativeCall } from "../workers/NativeCalls.ts"
import { openRecording, readSamples, stretches } from "./Stretches.ts"
import { attempt, type WorkFailed } from "./WorkFailed.ts"

/** Longest audio recognized in one go, in seconds. Words get wrong and memory grows beyond: 98 seconds took 1 GB. */
const longest = 20
/** Fewest samples that are recognized: the model breaks at none at all. */
const shortest = 0.1 * recordingSampleRate
/** Samples before and after a stretch that are listened to with it: the VAD cuts soft consonants off. */
const margin = 0.1 * recordingSampleRate
const samplesPerMs = recordingSampleRate / 1000

/** What is heard in a stretch of audio, 16 kHz from -1 to 1, that begins so many milliseconds after the recording does. */
export type Recognize = (audio: Float32Array, startMs: number) => Omit<Segment, "startMs" | "endMs">

/** The stretches of speech in a recording of so many samples, as `recognize`, which calls an addon, hears them. */
export const listen = (path: string, samples: number, recognize: Recognize): Stream.Stream<Segment, WorkFailed> =>
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
          const begin = Math.max(0, from - margin)
          const audio = yield* read(begin, Math.min(samples, to + margin))
          // The one place where an interruption, or another recording's turn, can come in.
          yield* Effect.promise(() => setImmediate())
          const heard =
            audio.length < shortest ? { text: "" } : nativeCall(() => recognize(audio, begin / samplesPerMs))
          return { startMs: Math.round(from / samplesPerMs), endMs: Math.round(to / samplesPerMs), ...heard }
        }),
      )
    }),
  ).pipe(
    Stream.filter(({ text }) => text !== ""),
    Stream.map((segment, n) => (n === 0 ? segment : { ...segment, text: ` ${segment.text}` })),
  )
