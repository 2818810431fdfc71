import { expect, it } from "vitest"
import { recognize } from "../../src/embedded/MoonshineModel.ts"
import type { OfflineRecognizer } from "../../src/embedded/SherpaOnnx.ts"

const second = 16_000
const speech = Float32Array.from({ length: 2 * second }, (_, i) => 0.01 * Math.sin(i / 10))

/** Answers by what it was given: `listen` is told the seconds of silence before and behind, and the loudest sample. */
const recognizerOf = (listen: (heard: { before: number; behind: number; peak: number }) => string) => {
  let calls = 0
  const recognizer = {
    createStream: () => {
      const parts: Array<Float32Array> = []
      return { parts, acceptWaveform: ({ samples }: { samples: Float32Array }) => parts.push(samples) }
    },
    decode: () => {},
    getResult: ({ parts }: { parts: ReadonlyArray<Float32Array> }) => {
      calls += 1
      const samples = parts.flatMap((part) => [...part])
      const first = samples.findIndex((sample) => sample !== 0)
      const last = samples.findLastIndex((sample) => sample !== 0)
      return {
        text: listen({
          before: Math.round((10 * first) / second) / 10,
          behind: Math.round((10 * (samples.length - 1 - last)) / second) / 10,
          peak: Math.max(...samples),
        }),
      }
    },
  }
  return { recognizer: recognizer as unknown as OfflineRecognizer, calls: () => calls }
}

it("listens once, with silence before and none behind, at a level that speech has", () => {
  const { recognizer, calls } = recognizerOf(({ before, behind, peak }) => `${before} ${behind} ${peak > 0.05}`)
  expect(recognize(recognizer, speech)).toBe("0.3 0 true")
  expect(calls()).toBe(1)
})

it("listens once more, with silence behind, to what seems to repeat itself", () => {
  const { recognizer, calls } = recognizerOf(({ before, behind }) =>
    behind > 0 ? `A more ${before}` : `A more,${" a more,".repeat(60)}`,
  )
  expect(recognize(recognizer, speech)).toBe("A more 0")
  expect(calls()).toBe(2)
})

it("keeps what it heard first where the second time was no better", () => {
  const { recognizer } = recognizerOf(({ behind }) => (behind > 0 ? "no, no, no, no, no, no" : "No, no, no."))
  expect(recognize(recognizer, speech)).toBe("No, no, no.")
})

it("listens once more, with silence behind, where it made nothing of what is loud enough to be speech", () => {
  const { recognizer, calls } = recognizerOf(({ behind }) => (behind > 0 ? "The hogs were fed." : ""))
  expect(recognize(recognizer, speech)).toBe("The hogs were fed.")
  expect(calls()).toBe(2)
})

it("listens once to what nobody says anything in", () => {
  const { recognizer, calls } = recognizerOf(() => "")
  expect(recognize(recognizer, new Float32Array(2 * second))).toBe("")
  expect(
    recognize(
      recognizer,
      speech.map((sample) => sample / 20),
    ),
  ).toBe("")
  expect(calls()).toBe(2)
})
