import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Settings } from "../../src/Settings.ts"
import { type Over, Traffic } from "../../src/telemetry/Traffic.ts"

const traffic = (console: "on" | "off" = "on") => Traffic.layer.pipe(Layer.provide(Settings.layerTest({ console })))

const over: Over = {
  kind: "speech",
  status: 200,
  ended: "whole",
  cache: "MISS",
  firstMillis: 20,
  millis: 90,
  bytes: 1_000,
}

const request = (index: number) => ({
  id: `req_${index}`,
  method: "POST",
  route: "/v1/audio/speech",
  notes: () => ({ account: `acct_${index % 7}`, key: undefined, model: "tts-1", voice: `Voice.${index % 270}` }),
})

it.effect("a request is under way until it is over, and then among the last", () =>
  Effect.gen(function* () {
    const { begin, recent, underWay } = yield* Traffic
    const end = begin!(request(1))
    expect(underWay()).toEqual([
      {
        id: "req_1",
        at: 0,
        method: "POST",
        route: "/v1/audio/speech",
        account: "acct_1",
        model: "tts-1",
        voice: "Voice.1",
      },
    ])
    yield* TestClock.adjust("90 millis")
    end({ ...over, code: "engine_cut", status: 502 })
    expect(underWay()).toEqual([])
    expect(recent()).toMatchObject([{ id: "req_1", at: 0, number: 1, status: 502, code: "engine_cut", millis: 90 }])
    expect(recent(1)).toEqual([])
  }).pipe(Effect.provide(traffic())),
)

it.effect("with the console off nothing is recorded", () =>
  Effect.gen(function* () {
    const { begin, history } = yield* Traffic
    expect(begin).toBeUndefined()
    yield* TestClock.adjust("1 minute")
    expect(history("10s").columns.resident.every((value) => value === null)).toBe(true)
  }).pipe(Effect.provide(traffic("off"))),
)

const collectGarbage: () => void = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()

const heap = () => {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

it.effect("24 hours of traffic take no more memory than the first ten minutes", () =>
  Effect.gen(function* () {
    const { begin, codes, history, recent, underWay } = yield* Traffic
    /** A request a second, of which one in eleven fails and one in fifty is never over. */
    const hours = Effect.fnUntraced(function* (minutes: number) {
      for (let minute = 0; minute < minutes; minute++) {
        for (let i = 0; i < 60; i++) {
          const end = begin!(request(minute * 60 + i))
          if (i % 50 === 49) continue
          const failed = i % 11 === 0 ? { status: 503, code: `code_${i % 30}`, why: "x".repeat(400) } : {}
          end({ ...over, millis: i * 7, ...failed })
        }
        yield* TestClock.adjust("1 minute")
      }
    })
    yield* hours(10)
    const before = heap()
    yield* hours(24 * 60)
    const grown = heap() - before
    expect(recent()).toHaveLength(200)
    expect(underWay().length).toBeLessThanOrEqual(10_000)
    expect(codes().length).toBeLessThanOrEqual(30)
    expect(history("1m").starts).toHaveLength(1_440)
    expect(history("10s").starts).toHaveLength(360)
    expect(
      history("1m")
        .columns.speeches.slice(0, -1)
        .every((count) => count === 59 || count === 118),
    ).toBe(true)
    expect(grown).toBeLessThan(4 * 1_048_576)
  }).pipe(Effect.provide(traffic())),
)
