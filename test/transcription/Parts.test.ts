import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { Stretch } from "../../src/embedded/Stretches.ts"
import { type Part, partsOf } from "../../src/transcription/Parts.ts"
import { makeDice } from "../support/dice.ts"

const second = 16_000
const stretch = (from: number, to: number): Stretch => ({ from: from * second, to: to * second })

const partsIn = (stretches: ReadonlyArray<Stretch>, seconds: number, longest: number): ReadonlyArray<Part> =>
  Effect.runSync(Stream.runCollect(partsOf(Stream.fromIterable(stretches), seconds * second, longest * second)))

const spans = (parts: ReadonlyArray<Part>) => parts.map(({ from, to }) => [from / second, to / second])

it("cuts in the middle of the pause behind what still fits", () => {
  const stretches = [stretch(1, 9), stretch(10, 19), stretch(20, 28), stretch(28.5, 33)]
  expect(spans(partsIn(stretches, 34, 20))).toEqual([
    [0, 19.5],
    [19.5, 34],
  ])
})

it("leaves out silence that is more than a second from any speech", () => {
  expect(spans(partsIn([stretch(30, 40), stretch(100, 110)], 300, 20))).toEqual([
    [29, 41],
    [99, 111],
  ])
})

it("cuts a talk without a pause where its stretches meet", () => {
  expect(spans(partsIn([stretch(0, 18), stretch(18, 36), stretch(36, 40)], 40, 20))).toEqual([
    [0, 18],
    [18, 36],
    [36, 40],
  ])
})

it("has no part of a recording without speech", () => {
  expect(partsIn([], 60, 20)).toEqual([])
})

it("holds all speech once and whole, in order, whatever is said when: 500 recordings", () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const { below, chance } = makeDice(seed)
    let at = below(second)
    const stretches = Array.from({ length: 1 + below(40) }, () => {
      const from = at
      const to = from + 1 + below(15 * second)
      at = to + (chance(0.2) ? 0 : below(3 * second)) + (chance(0.05) ? below(200 * second) : 0)
      return { from, to }
    })
    const samples = stretches.at(-1)!.to + below(3 * second)
    const parts = Effect.runSync(Stream.runCollect(partsOf(Stream.fromIterable(stretches), samples, 30 * second)))
    let earlier = 0
    for (const { from, speech, to } of parts) {
      expect(from, `seed ${seed}`).toBeGreaterThanOrEqual(earlier)
      expect(to, `seed ${seed}`).toBeLessThanOrEqual(samples)
      expect(speech.to - speech.from, `seed ${seed}`).toBeLessThanOrEqual(30 * second)
      earlier = to
    }
    for (const { from, to } of stretches) {
      expect(
        parts.filter((part) => part.from <= from && to <= part.to),
        `seed ${seed}`,
      ).toHaveLength(1)
    }
    expect(parts.reduce((sum, { spoken }) => sum + spoken!, 0)).toBe(
      stretches.reduce((sum, { from, to }) => sum + to - from, 0),
    )
  }
})
