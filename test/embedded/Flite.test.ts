import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { Flite, fliteVoices } from "../../src/embedded/Flite.ts"

const voice = "Flite.EN-US.SLT"
const sentence = "The quick brown fox jumps over the lazy dog. "
const seconds = Stream.runFold(
  () => 0,
  (sum: number, pcm: { readonly samples: Int16Array; readonly sampleRate: number }) =>
    sum + pcm.samples.length / pcm.sampleRate,
)

layer(Flite.layerThreads(1), { excludeTestServices: true })("Flite", (it) => {
  it.effect("speaks with every voice it lists, each its own", () =>
    Effect.gen(function* () {
      const flite = yield* Flite
      assert.deepStrictEqual([...flite.voices], Object.keys(fliteVoices))
      const lengths = yield* Effect.forEach(flite.voices, (name) => seconds(flite.speak(sentence, name)))
      assert.isTrue(lengths.every((length) => length > 1.5 && length < 6))
      assert.strictEqual(new Set(lengths).size, lengths.length)
    }),
  )

  it.effect("all its voices are about as loud", () =>
    Effect.gen(function* () {
      const flite = yield* Flite
      const levels = yield* Effect.forEach(flite.voices, (name) =>
        Effect.map(Stream.runCollect(flite.speak(sentence.repeat(2), name)), (chunks) => {
          const spoken = chunks.flatMap(({ samples }) => [...samples]).filter((sample) => Math.abs(sample) > 200)
          const square = spoken.reduce((sum, sample) => sum + sample * sample, 0) / spoken.length
          return 10 * Math.log10(square / 32_768 ** 2)
        }),
      )
      // They differed by more than 10 dB.
      assert.isBelow(Math.max(...levels) - Math.min(...levels), 4, levels.join(" "))
    }),
  )

  it.effect("hands out chunks of 250 ms at most, loud enough to hear", () =>
    Effect.gen(function* () {
      const flite = yield* Flite
      const chunks = yield* Stream.runCollect(flite.speak(sentence, voice))
      assert.isTrue(chunks.every(({ sampleRate, samples }) => sampleRate === 16_000 && samples.length <= 4_000))
      assert.isAbove(Math.max(...chunks.map(({ samples }) => Math.max(...samples))), 3_000)
    }),
  )

  it.effect("does not make a long text while nobody reads on, and is free for others then", () =>
    Effect.gen(function* () {
      const flite = yield* Flite
      const begun = yield* Deferred.make<void>()
      const reader = yield* flite.speak(sentence.repeat(400), voice).pipe(
        Stream.runForEach(() => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)),
        Effect.forkChild,
      )
      yield* Deferred.await(begun)
      // The only thread: it would first have to make 400 sentences, about 15 seconds of work.
      const length = yield* seconds(flite.speak("Hello.", voice)).pipe(Effect.timeout("10 seconds"))
      assert.isAbove(length, 0.3)
      yield* Fiber.interrupt(reader)
    }),
  )

  it.effect("is free at once when a speech is interrupted", () =>
    Effect.gen(function* () {
      const flite = yield* Flite
      yield* Effect.forEach(
        [1, 2, 3, 4, 5],
        () =>
          flite
            .speak(sentence.repeat(200), voice)
            .pipe(
              Stream.runHead,
              Effect.andThen(seconds(flite.speak(sentence.repeat(200), voice)).pipe(Effect.timeoutOption(50))),
            ),
        { concurrency: "unbounded" },
      )
      const length = yield* seconds(flite.speak("Hello.", voice)).pipe(Effect.timeout("10 seconds"))
      assert.isAbove(length, 0.3)
    }),
  )

  it.effect("refuses an unknown voice, and text without a sound in English", () =>
    Effect.gen(function* () {
      const flite = yield* Flite
      const unknown = yield* Effect.flip(Stream.runDrain(flite.speak("Hello.", "Flite.EN-US.Nobody")))
      assert.strictEqual(unknown.reason._tag, "NoSuchVoice")
      const silent = yield* Effect.flip(Stream.runDrain(flite.speak("日本語 😀", voice)))
      assert.strictEqual(silent.reason._tag, "NothingToSay")
    }),
  )

  it.effect(
    "speaks two hundred times in a row",
    () =>
      Effect.gen(function* () {
        const flite = yield* Flite
        const lengths = yield* Effect.replicateEffect(seconds(flite.speak("Once more.", voice)), 200)
        assert.strictEqual(new Set(lengths).size, 1)
      }),
    180_000,
  )
})
