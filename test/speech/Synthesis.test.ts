import { noSounds } from "../../src/audio/Sounds.ts"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Ref, Result, Stream } from "effect"
import { Encoders } from "../../src/audio/Encoders.ts"
import type { Pcm } from "../../src/audio/Pcm.ts"
import type { Plan } from "../../src/speech/Plan.ts"
import { SpeechError } from "../../src/speech/SpeechError.ts"
import { synthesize as synthesizeWith, type Synthesizer } from "../../src/speech/Synthesis.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineCut } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { makePcmReader } from "../../src/upstream/PcmReader.ts"
import type { Utterance } from "../../src/upstream/Utterance.ts"

const rate = 8_000
const here = Effect.runSync(Effect.provide(Encoders, Encoders.layerHere))
const synthesize = (plan: Plan, magpie: Synthesizer) => synthesizeWith(plan, magpie, here)
const base: Plan = {
  text: "First sentence is here. Second sentence is here. Third sentence is here.",
  sounds: noSounds,
  rewritten: undefined,
  characters: 73,
  voice: "Test.EN-US.Tone",
  language: "en-US",
  speed: 1,
  format: "pcm",
  sampleRate: rate,
  model: "test",
}
/** `seconds` of a constant level, so that every lost, doubled or faded sample shows. */
const level = (seconds: number, value = 1_000): Pcm => ({
  sampleRate: rate,
  samples: new Int16Array(seconds * rate).fill(value),
})

const engine = (synthesize: MagpieClient["Service"]["synthesize"], maxCharacters = 30) =>
  Effect.provide(MagpieClient, MagpieClient.layerTest({ synthesize, maxCharacters }))

const samplesOf = (bytes: ReadonlyArray<Uint8Array>) =>
  new Int16Array(Uint8Array.from(bytes.flatMap((b) => Array.from(b))).buffer)

describe("synthesize", () => {
  it.effect("joins the utterances of a long text in order, without losing or adding a sample", () =>
    Effect.gen(function* () {
      const asked = yield* Ref.make<ReadonlyArray<string>>([])
      const magpie = yield* engine(({ text }: Utterance) =>
        Stream.unwrap(
          Effect.as(
            Ref.update(asked, (all) => [...all, text]),
            Stream.make(level(1, text.length), level(1.0625, text.length)),
          ),
        ),
      )
      const take = synthesize(base, magpie)
      const samples = samplesOf(yield* Stream.runCollect(take.bytes))
      expect(yield* Ref.get(asked)).toEqual([
        "First sentence is here.",
        "Second sentence is here.",
        "Third sentence is here.",
      ])
      expect(samples.length).toBe(3 * 2.0625 * rate)
      expect(take.durationMs()).toBe(6_188)
      const middle = (part: number) => samples[Math.round((part + 0.5) * 2.0625 * rate)]
      expect([middle(0), middle(1), middle(2)]).toEqual([23, 24, 23])
    }),
  )

  it.effect("goes to zero at a seam and nowhere else, so that none clicks", () =>
    Effect.gen(function* () {
      const magpie = yield* engine(() => Stream.make(level(2, 20_000)))
      const samples = samplesOf(yield* Stream.runCollect(synthesize(base, magpie).bytes))
      const steps = Array.from(samples.subarray(1), (sample, i) => Math.abs(sample - samples[i]!))
      expect(Math.max(...steps)).toBeLessThan(1_000)
      expect([samples[0], samples.at(-1)]).toEqual([20_000, 20_000])
      expect(Math.abs(samples[2 * rate]!)).toBeLessThan(600)
    }),
  )

  it.effect("asks for the next utterance once this one sounds, and for no more than one ahead", () =>
    Effect.gen(function* () {
      const started = yield* Ref.make(0)
      const second = yield* Deferred.make<void>()
      const first = yield* Deferred.make<void>()
      const magpie = yield* engine(({ text }: Utterance) =>
        Stream.unwrap(
          Effect.gen(function* () {
            const count = yield* Ref.updateAndGet(started, (n) => n + 1)
            if (count === 2) yield* Deferred.succeed(second, undefined)
            const rest = text.startsWith("First")
              ? Stream.unwrap(Effect.as(Deferred.await(first), Stream.make(level(1))))
              : Stream.make(level(1))
            return Stream.concat(Stream.make(level(1)), rest)
          }),
        ),
      )
      const running = yield* Effect.forkChild(Stream.runDrain(synthesize(base, magpie).bytes))
      yield* Deferred.await(second)
      yield* Effect.yieldNow
      expect(yield* Ref.get(started)).toBeLessThanOrEqual(3)
      expect(running.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(first, undefined)
      yield* Fiber.join(running)
      expect(yield* Ref.get(started)).toBe(3)
    }),
  )

  it.effect("lets 2 MiB of the next utterance wait, however much an engine gives at once", () =>
    Effect.gen(function* () {
      const seconds = 8
      const pieceBytes = seconds * rate * 2
      const first = yield* Deferred.make<void>()
      const taken = yield* Ref.make(0)
      const much = Stream.range(1, 100).pipe(
        Stream.rechunk(1),
        Stream.mapEffect(() =>
          Effect.as(
            Ref.update(taken, (bytes) => bytes + pieceBytes),
            level(seconds),
          ),
        ),
      )
      const magpie = yield* engine(({ text }: Utterance) =>
        text.startsWith("First")
          ? Stream.concat(Stream.make(level(1)), Stream.unwrap(Effect.as(Deferred.await(first), Stream.make(level(1)))))
          : Stream.take(much, 100),
      )
      const plan = { ...base, text: "First sentence is here. Second sentence is here." }
      const running = yield* Effect.forkChild(
        Stream.runDrain(synthesizeWith(plan, magpie, here, { en: [0.01, 99] }).bytes),
      )
      for (let turns = 0; turns < 2_000; turns++) yield* Effect.yieldNow
      const waiting = yield* Ref.get(taken)
      expect(waiting).toBeGreaterThan(1.5 * 1_048_576)
      expect(waiting).toBeLessThanOrEqual(2_097_152 + 2 * pieceBytes)
      yield* Deferred.succeed(first, undefined)
      yield* Fiber.join(running)
      expect(yield* Ref.get(taken)).toBe(100 * pieceBytes)
    }),
  )

  it.effect.each([
    ["empty", Stream.empty],
    ["too short", Stream.make(level(0.4))],
    ["too long", Stream.forever(Stream.make(level(1)))],
  ] as const)("fails an engine whose audio is %s", ([verdict, audio]) =>
    Effect.gen(function* () {
      const magpie = yield* engine(() => audio, 2_000)
      const error = yield* Effect.flip(Stream.runDrain(synthesize(base, magpie).bytes))
      expect(error).toBeInstanceOf(SpeechError)
      expect(error.reason).toMatchObject({ _tag: "Incomplete", verdict })
    }),
  )

  it.effect("goes on past an utterance that the voice passes over, since it is in another script", () =>
    Effect.gen(function* () {
      const magpie = yield* engine(({ text }: Utterance) => (/[a-z]/.test(text) ? Stream.make(level(2)) : Stream.empty))
      const text = "First sentence is here. Второе предложение здесь. Third sentence is here."
      const samples = samplesOf(yield* Stream.runCollect(synthesize({ ...base, text }, magpie).bytes))
      expect(samples.length).toBe(2 * 2 * rate)
    }),
  )

  it.effect("asks an engine only for what it says it can say", () =>
    Effect.gen(function* () {
      const asked = yield* Ref.make<ReadonlyArray<string>>([])
      const magpie = yield* engine(({ text }: Utterance) =>
        Stream.unwrap(
          Effect.as(
            Ref.update(asked, (all) => [...all, text]),
            Stream.make(level(2)),
          ),
        ),
      )
      const audible = (text: string) => text.replaceAll(/[^\x20-\x7e]/gu, "")
      const text = "First sentence is here. Второе предложение здесь. Third sentence is here."
      yield* Stream.runDrain(synthesize({ ...base, text }, { ...magpie, audible }).bytes)
      expect(yield* Ref.get(asked)).toEqual(["First sentence is here.", "Third sentence is here."])
    }),
  )

  it.effect("says that the voice cannot speak a text of which the engine made nothing, before any byte", () =>
    Effect.gen(function* () {
      const magpie = yield* engine(() => Stream.empty)
      const bytes = yield* Ref.make(0)
      const take = synthesize({ ...base, text: "今天的天气非常好。我们去公园。", format: "wav" }, magpie)
      const error = yield* Effect.flip(Stream.runForEach(take.bytes, () => Ref.update(bytes, (n) => n + 1)))
      expect(error.reason).toMatchObject({ _tag: "Unspeakable", voice: base.voice, language: "en-US" })
      expect(yield* Ref.get(bytes)).toBe(0)
    }),
  )

  it.effect("says in its error how long the audio is and how long the text takes", () =>
    Effect.gen(function* () {
      const magpie = yield* engine(() => Stream.make(level(0.4)), 2_000)
      const error = yield* Effect.flip(Stream.runDrain(synthesize(base, magpie).bytes))
      expect(error.message).toMatch(
        /^Incomplete: it ended after 0\.4 s, and the text takes \d\.\d s at least\. \(verdict too short\)$/,
      )
    }),
  )

  it.effect("fails the whole when the second utterance is cut, whatever was heard of the first", () =>
    Effect.gen(function* () {
      const cut = new EngineError({ engine: "magpie", reason: new EngineCut({ message: "gone" }) })
      const magpie = yield* engine(({ text }: Utterance) =>
        text.startsWith("Second") ? Stream.concat(Stream.make(level(1)), Stream.fail(cut)) : Stream.make(level(2)),
      )
      const error = yield* Effect.flip(Stream.runDrain(synthesize(base, magpie).bytes))
      expect(error.reason).toMatchObject({ _tag: "EngineCut" })
    }),
  )

  it.effect("ends the engine's work on both utterances under way when it is interrupted", () =>
    Effect.gen(function* () {
      const working = yield* Ref.make(0)
      const second = yield* Deferred.make<void>()
      const magpie = yield* engine(() =>
        Stream.unwrap(
          Effect.gen(function* () {
            const count = yield* Ref.updateAndGet(working, (n) => n + 1)
            yield* Effect.addFinalizer(() => Ref.update(working, (n) => n - 1))
            if (count === 2) yield* Deferred.succeed(second, undefined)
            return Stream.concat(Stream.make(level(1)), Stream.never)
          }),
        ),
      )
      const running = yield* Effect.forkChild(Stream.runDrain(synthesize(base, magpie).bytes))
      yield* Deferred.await(second)
      yield* Fiber.interrupt(running)
      expect(yield* Ref.get(working)).toBe(0)
      expect(Exit.isFailure(yield* Fiber.await(running))).toBe(true)
    }),
  )

  it.effect("answers a text without anything to say with a moment of silence, not with the engine", () =>
    Effect.gen(function* () {
      const magpie = yield* engine(() => Stream.die("the engine was asked"))
      const samples = samplesOf(yield* Stream.runCollect(synthesize({ ...base, text: "." }, magpie).bytes))
      expect(samples.length).toBe(0.25 * rate)
      expect(samples.every((sample) => sample === 0)).toBe(true)
    }),
  )

  it.live.each([
    ["mp3", true],
    ["wav", false],
  ] as const)("%s: the memory of samples is given back where a copy was encoded (%s)", ([format, given]) =>
    Effect.gen(function* () {
      const plan = { ...base, text: "First sentence is here.", format }
      const pieces = [level(1), level(1), level(0.05)].map((pcm) => ({ ...pcm, memory: pcm.samples.buffer }))
      const shared = level(0.05)
      const magpie = yield* engine(() => Stream.make(...pieces, shared))
      const encoders = yield* Encoders
      const made = yield* Stream.runCollect(synthesizeWith(plan, magpie, encoders).bytes)
      expect(made.reduce((sum, bytes) => sum + bytes.length, 0)).toBeGreaterThan(5_000)
      expect(pieces.map(({ samples }) => samples.length === 0)).toEqual([given, given, given])
      expect(shared.samples.length).toBe(400)
    }).pipe(Effect.provide(Encoders.layerThreads(1))),
  )

  it.live("of what a network brought, in pieces at even and odd places of the same memory, all is encoded", () =>
    Effect.gen(function* () {
      const plan = { ...base, text: "First sentence is here.", format: "mp3" as const }
      const encoders = yield* Encoders
      const madeOf = Effect.fnUntraced(function* (isCopied: boolean) {
        const reader = makePcmReader({ rawSampleRate: rate, needWav: false })
        const pieces = (fill: number) => {
          const memory = Uint8Array.from({ length: 20_000 }, (_, at) => (at * fill) % 251)
          // Between the chunks of an answer are their lengths.
          return Array.from({ length: 6 }, (_, index) => memory.subarray(index * 3_005, index * 3_005 + 2_998))
        }
        const all = [...pieces(7), ...pieces(11), ...pieces(13)].flatMap((bytes) => {
          const pcm = Result.getOrThrow(reader.push(isCopied ? bytes.slice() : bytes))
          return pcm === undefined ? [] : [pcm]
        })
        const magpie = yield* engine(() => Stream.fromIterable(all))
        return Buffer.concat(yield* Stream.runCollect(synthesizeWith(plan, magpie, encoders).bytes))
      })
      expect((yield* madeOf(false)).equals(yield* madeOf(true))).toBe(true)
    }).pipe(Effect.provide(Encoders.layerThreads(1))),
  )

  it.effect("what is encoded where it is called stays as it is", () =>
    Effect.gen(function* () {
      const piece = level(2)
      const pieces = [piece, level(1)].map((pcm) => ({ ...pcm, memory: pcm.samples.buffer }))
      const magpie = yield* engine(() => Stream.make(...pieces))
      const plan = { ...base, text: "First sentence is here.", sampleRate: 16_000 }
      yield* Stream.runDrain(synthesize(plan, magpie).bytes)
      expect(piece.samples.length).toBe(2 * rate)
    }),
  )
})
