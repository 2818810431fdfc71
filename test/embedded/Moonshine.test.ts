import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Moonshine } from "../../src/embedded/Moonshine.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { recordingOf, samplesOf } from "../support/recordings.ts"
import { wordErrorRate } from "../support/wordErrors.ts"

const second = 16_000
const silence = (seconds: number) => new Int16Array(seconds * second)
const heard = (segments: ReadonlyArray<{ readonly text: string }>) => segments.map(({ text }) => text).join(" ")

layer(Layer.merge(Moonshine.layer, NodeServices.layer), { excludeTestServices: true })("Moonshine", (it) => {
  it.effect("understands human speech", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      for (const { recording, text } of humanSpeech) {
        const segments = yield* Stream.runCollect(moonshine.listen(recording))
        assert.isAtMost(wordErrorRate(text, heard(segments)), 0.05)
        assert.deepStrictEqual(
          segments.map(({ endMs, startMs }) => [startMs, endMs]),
          [[0, Math.round(recording.samples / 16)]],
        )
      }
    }),
  )

  it.effect("cuts a long recording at its pauses, and says where its parts are", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      const [long, short] = humanSpeech.map(({ recording }) => samplesOf(recording)) as [Int16Array, Int16Array]
      const recording = yield* recordingOf([silence(5), long, silence(20), short, silence(5)])
      const segments = yield* Stream.runCollect(moonshine.listen(recording))
      assert.isAtMost(wordErrorRate(humanSpeech.map(({ text }) => text).join(" "), heard(segments)), 0.05)
      assert.closeTo(segments[0]!.startMs, 5_000, 500)
      const second = segments.find(({ startMs }) => startMs > 20_000)!
      assert.closeTo(second.startMs, 32_100, 500)
      assert.closeTo(segments.at(-1)!.endMs, 35_390, 500)
    }),
  )

  it.effect("answers the first part of a long recording before it has read the rest", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      const whole = yield* recordingOf(
        [...Array(4)].flatMap(() => humanSpeech.map(({ recording }) => samplesOf(recording))),
      )
      // More samples than the file has: an error, were it read to its end.
      const first = yield* Stream.runHead(moonshine.listen({ ...whole, samples: 10 * whole.samples }))
      assert.isTrue(first._tag === "Some" && /dashwood/i.test(first.value.text))
    }),
  )

  it.effect("hears nothing in silence, in noise and in no audio at all", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      let seed = 1
      const noise = Int16Array.from({ length: 30 * second }, () => {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        return (seed >> 16) % 500
      })
      for (const samples of [silence(3), silence(40), noise, new Int16Array(0), new Int16Array(1)]) {
        assert.deepStrictEqual(yield* Stream.runCollect(moonshine.listen(yield* recordingOf([samples]))), [])
      }
    }),
  )

  it.effect("listens to two recordings by turns, so a short one need not wait for a long one", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      const long = yield* recordingOf(
        [...Array(20)].flatMap(() => humanSpeech.map(({ recording }) => samplesOf(recording))),
      )
      const done = yield* Effect.raceFirst(
        Effect.as(Stream.runDrain(moonshine.listen(long)), "long"),
        Effect.as(Stream.runDrain(moonshine.listen(humanSpeech[1].recording)), "short"),
      )
      assert.strictEqual(done, "short")
    }),
  )

  it.effect("is free soon after it was interrupted", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      const long = yield* recordingOf(
        [...Array(60)].flatMap(() => humanSpeech.map(({ recording }) => samplesOf(recording))),
      )
      // About half a minute of work each, and as many as are taken at a time.
      yield* Effect.replicateEffect(Effect.timeoutOption(Stream.runDrain(moonshine.listen(long)), 500), 8, {
        concurrency: "unbounded",
      })
      const segments = yield* Stream.runCollect(moonshine.listen(humanSpeech[1].recording)).pipe(
        Effect.timeout("45 seconds"),
      )
      assert.strictEqual(segments.length, 1)
    }),
  )

  it.effect("fails for a file that is not there, and for one that is too short", () =>
    Effect.gen(function* () {
      const moonshine = yield* Moonshine
      const missing = yield* Effect.flip(Stream.runDrain(moonshine.listen({ path: "/no/such.wav", samples: 5 })))
      assert.strictEqual(missing.reason._tag, "EngineBroke")
      const recording = yield* recordingOf([silence(1)])
      const short = yield* Effect.flip(Stream.runDrain(moonshine.listen({ ...recording, samples: 17_000 })))
      assert.strictEqual(short.reason._tag, "EngineBroke")
    }),
  )
})
