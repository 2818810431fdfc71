import { expect, it } from "vitest"
import { Durations } from "../../src/telemetry/Durations.ts"
import { type Ended, TrafficHistory } from "../../src/telemetry/TrafficHistory.ts"

const speech = (millis: number, more: Partial<Ended> = {}): Ended => ({
  ...{ kind: "speech", outcome: "answered", cache: "MISS", firstMillis: millis / 2, millis },
  ...more,
})

it("a percentile is off by at most a tenth, at any length", () => {
  for (const length of [1, 7, 93, 1_234, 60_000, 600_000]) {
    const durations = new Durations()
    for (let i = 1; i <= 100; i++) durations.add((length * i) / 50)
    expect(durations.percentile(0.5) / Math.max(1, length)).toBeGreaterThan(0.85)
    expect(durations.percentile(0.5) / Math.max(1, length)).toBeLessThan(1.2)
    expect(durations.percentile(0.95) / Math.max(1, length * 1.9)).toBeLessThan(1.2)
  }
  expect(new Durations().percentile(0.5)).toBeNaN()
})

it("requests are counted in the stretch they end in, by kind, by how they were served and by how they went", () => {
  const history = new TrafficHistory(10, 6, 1_000)
  history.ended(1_001, speech(40))
  history.ended(1_002, speech(40, { cache: "HIT" }))
  history.ended(1_012, { kind: "transcription", outcome: "failed", cache: undefined, firstMillis: 1, millis: 9 })
  history.ended(1_013, { kind: "other", outcome: "refused", cache: undefined, firstMillis: 1, millis: 9 })
  const { columns, starts } = history.report(1_015)
  expect(starts).toEqual([1_000, 1_010])
  expect(columns).toMatchObject({
    requests: [2, 2],
    speeches: [2, 0],
    transcriptions: [0, 1],
    failures: [0, 1],
    refusals: [0, 1],
    hits: [1, 0],
    misses: [1, 0],
    durationP95: [expect.closeTo(40, -1), null],
  })
})

it("stretches in which nothing happened are there, empty; those that are too old are not", () => {
  const history = new TrafficHistory(10, 4, 0)
  history.ended(1, speech(5))
  history.ended(35, speech(5))
  expect(history.report(35).columns.requests).toEqual([1, 0, 0, 1])
  expect(history.report(40).starts).toEqual([10, 20, 30, 40])
  expect(history.report(40).columns.requests).toEqual([0, 0, 1, 0])
  expect(history.report(1_000_000).columns.requests).toEqual([0, 0, 0, 0])
  expect(history.report(1_000_000, 999_990).starts).toEqual([999_990, 1_000_000])
})

it("a clock that is set back takes nothing away", () => {
  const history = new TrafficHistory(10, 4, 100)
  history.ended(105, speech(5))
  history.ended(20, speech(5))
  expect(history.report(105).columns.requests).toEqual([2])
})

it("of the process it keeps the worst delay and the last memory", () => {
  const history = new TrafficHistory(10, 4, 0)
  const vitals = { underWay: 3, loopDelay: 50, loopBusy: 0.5, resident: 100, heap: 10 }
  history.measured(1, vitals)
  history.measured(2, { ...vitals, loopDelay: 5, underWay: 1, resident: 90 })
  expect(history.report(3).columns).toMatchObject({ loopDelay: [50], underWay: [3], resident: [90] })
})
