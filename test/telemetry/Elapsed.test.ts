import { expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { cachedFor, elapsedMillis } from "../../src/telemetry/Elapsed.ts"
import { withWallClock } from "../support/wallClock.ts"

const aYear = 365 * 86_400_000

it.effect("what has passed does not depend on what the clock is set to", () =>
  withWallClock((set) =>
    Effect.gen(function* () {
      const start = yield* elapsedMillis
      set(aYear)
      yield* TestClock.adjust("1 second")
      expect((yield* elapsedMillis) - start).toBe(1_000)
      set(-aYear)
      expect((yield* elapsedMillis) - start).toBe(1_000)
    }),
  ),
)

it.effect("an answer is kept as long as it is good for, whatever the clock is set to meanwhile", () =>
  withWallClock((set) =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const cached = yield* cachedFor(
        Effect.tap(Clock.currentTimeMillis, (now) => Effect.sync(() => times.push(now))),
        "10 seconds",
      )
      set(aYear)
      yield* cached
      set(0)
      yield* TestClock.adjust("9 seconds")
      yield* cached
      set(2 * aYear)
      yield* cached
      set(0)
      yield* TestClock.adjust("1 second")
      yield* cached
      // What is asked knows the time of day.
      expect(times).toEqual([aYear, 10_000])
    }),
  ),
)
