import { expect, layer } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { Encoders } from "../../src/audio/Encoders.ts"
import { formatNames } from "../../src/audio/format/AudioFormat.ts"
import type { EncoderOptions } from "../../src/audio/format/Encoder.ts"
import { seededRandom } from "../support/seededRandom.ts"

/** See `FragileEncodeWorker.ts`. */
const deadly = 31_234

const speechLike = (length: number, seed = 7) => {
  const random = seededRandom(seed)
  return Int16Array.from({ length }, (_, at) => Math.round(9_000 * Math.sin(at / 20) + random(2_000) - 1_000))
}

const encode = (encoders: Encoders["Service"], options: EncoderOptions, samples: Int16Array, size = 2_205) =>
  Effect.scoped(
    Effect.gen(function* () {
      const encoder = yield* encoders.open(options)
      const made: Array<Uint8Array> = []
      for (let at = 0; at < samples.length; at += size) {
        made.push(yield* encoder.encode(samples.subarray(at, at + size)))
      }
      const { bytes, head } = yield* encoder.flush
      return { bytes: Buffer.concat([...made, bytes]), head }
    }),
  )

/** Threads of this process, as the system has them. */
const threadsNow = () =>
  readdirSync("/proc/self/task").filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8").startsWith("WorkerThread")
    } catch {
      return false // It has ended since.
    }
  }).length

layer(Encoders.layer, { excludeTestServices: true })("Encoders", (it) => {
  it.effect("one thread is enough for six streams; the seventh has another", () =>
    Effect.gen(function* () {
      const encoders = yield* Encoders
      const options = { format: "mp3", sampleRate: 24_000 } as const
      const answering = Effect.flatMap(encoders.open(options), (encoder) => encoder.encode(speechLike(2_400)))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* answering
          // Once it has answered it is there for sure.
          const alone = threadsNow()
          for (let stream = 1; stream < 6; stream++) yield* answering
          expect(threadsNow()).toBe(alone)
          yield* answering
          expect(threadsNow()).toBe(alone + 1)
        }),
      )
      yield* Effect.scoped(answering)
    }),
  )

  it.effect("a thread makes the bytes that are made without one, many streams at a time", () =>
    Effect.gen(function* () {
      const threads = yield* Encoders
      const here = yield* Effect.provide(Encoders, Encoders.layerHere)
      const all = formatNames.flatMap((format) =>
        [1, 2, 3].map((seed) => ({
          options: { format, sampleRate: 24_000, inputSampleRate: 22_050, speed: seed / 2 },
          samples: speechLike(22_050, seed),
        })),
      )
      const made = yield* Effect.forEach(all, ({ options, samples }) => encode(threads, options, samples), {
        concurrency: "unbounded",
      })
      for (const [index, { options, samples }] of all.entries()) {
        expect(made[index], options.format).toEqual(yield* encode(here, options, samples, 9_999))
      }
    }),
  )

  it.effect("the samples that it is given stay with whoever gave them", () =>
    Effect.gen(function* () {
      const encoders = yield* Encoders
      const encoder = yield* encoders.open({ format: "pcm", sampleRate: 24_000 })
      const samples = Int16Array.of(1, 2, 3, 4)
      expect(yield* encoder.encode(samples.subarray(1, 3))).toEqual(Uint8Array.of(2, 0, 3, 0))
      expect(samples).toEqual(Int16Array.of(1, 2, 3, 4))
    }),
  )
})

layer(Encoders.layerThreads(1, new URL("./FragileEncodeWorker.ts", import.meta.url)), { excludeTestServices: true })(
  "Encoders whose only thread breaks down",
  (it) => {
    it.effect("every stream that it had fails, with the reason, and the next one has another", () =>
      Effect.gen(function* () {
        const encoders = yield* Encoders
        const options = { format: "mp3", sampleRate: 24_000 } as const
        const first = yield* encoders.open(options)
        const second = yield* encoders.open(options)
        yield* first.encode(speechLike(2_400))
        yield* second.encode(speechLike(2_400))
        const failed = yield* Effect.flip(second.encode(Int16Array.of(deadly)))
        expect(failed._tag).toBe("EncodeError")
        expect(failed.message).toContain("something in it is broken")
        expect((yield* Effect.flip(first.encode(speechLike(2_400))))._tag).toBe("EncodeError")
        expect((yield* Effect.flip(first.flush))._tag).toBe("EncodeError")

        const again = yield* encode(encoders, options, speechLike(24_000)).pipe(
          Effect.retry(Schedule.spaced("20 millis")),
          Effect.timeout("60 seconds"),
        )
        expect(again.bytes.length).toBeGreaterThan(7_000)
      }),
    )

    it.effect("a stream that is left in the middle leaves the thread to the others", () =>
      Effect.gen(function* () {
        const encoders = yield* Encoders
        const options = { format: "aac", sampleRate: 24_000 } as const
        const left = yield* Effect.forkChild(encode(encoders, options, speechLike(24_000 * 600)))
        yield* encode(encoders, options, speechLike(24_000))
        yield* Fiber.interrupt(left)
        const other = yield* encode(encoders, options, speechLike(24_000))
        expect(other.bytes.length).toBeGreaterThan(5_000)
      }),
    )
  },
)
