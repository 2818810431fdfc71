import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { WordAligner } from "../../src/embedded/WordAligner.ts"
import { humanSpeech } from "../support/humanSpeech.ts"

const [{ recording, text }] = humanSpeech
const whole = { from: 0, to: recording.samples }

layer(WordAligner.layer, { excludeTestServices: true, timeout: "1 minute" })("WordAligner", (it) => {
  it.effect("tells where a human says each word", () =>
    Effect.gen(function* () {
      const { align } = yield* WordAligner
      const words = yield* align(recording, whole, text)
      expect(words.map(({ word }) => word)).toEqual(text.split(" "))
      const times = words.flatMap(({ endMs, startMs }) => [startMs, endMs])
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      // Looked up in the recording by ear and by eye.
      const starts = new Map(words.map(({ startMs, word }) => [word, startMs]))
      for (const [word, ms] of [
        ["john", 630],
        ["dashwood", 980],
        ["leisure", 2_240],
        ["consider", 2_890],
      ] as const) {
        expect(Math.abs(starts.get(word)! - ms), word).toBeLessThanOrEqual(100)
      }
    }),
  )

  it.effect("keeps a text as it is written: its capitals, punctuation, titles and marks of its own", () =>
    Effect.gen(function* () {
      const { align } = yield* WordAligner
      const written =
        "And Mr. John Dashwood had then leisure – to consider, how much there might be prudently in his power to do for them."
      const words = yield* align(recording, whole, written)
      expect(words.map(({ word }) => word).join(" ")).toBe(written)
      expect(words[1]).toMatchObject({ word: "Mr.", startMs: expect.closeTo(370, -2) })
    }),
  )

  it.effect("places words that no dictionary has, and parts of a recording where they lie in it", () =>
    Effect.gen(function* () {
      const { align } = yield* WordAligner
      const words = yield* align(recording, whole, text.replace("leisure", "lezhurfully"))
      expect(words.find(({ word }) => word === "lezhurfully")!.startMs).toBeGreaterThan(1_900)
      const half = yield* align(
        recording,
        { from: 35_000, to: recording.samples },
        "leisure to consider how much there might be prudently in his power to do for them",
      )
      expect(half[0]!.startMs).toBeGreaterThanOrEqual(2_187)
      expect(half.at(-1)!.endMs).toBeLessThanOrEqual(7_100)
    }),
  )

  it.effect("has nothing to say of a text that cannot be what is said", () =>
    Effect.gen(function* () {
      const { align } = yield* WordAligner
      const long = "nothing of this is said in the recording ".repeat(12)
      expect(yield* align(recording, { from: 0, to: 32_000 }, long)).toEqual([])
      expect(yield* align(recording, whole, "— …")).toEqual([])
    }),
  )
})
