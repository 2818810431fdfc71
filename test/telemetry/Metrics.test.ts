import { expect, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import * as Metrics from "../../src/telemetry/Metrics.ts"

it.effect("a series that was made once is the one that its attributes name", () =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const [hit, miss] = ["HIT", "MISS"].map((cache) => ({ cache, ended: "whole" }))
    const counts = Effect.map(
      Effect.all([hit, miss].map((one) => Metric.value(Metric.withAttributes(Metrics.speeches, one!)))),
      (states) => states.map(({ count }) => count),
    )
    Metrics.seriesOf(Metrics.speeches, hit!).updateUnsafe(2, context)
    Metrics.seriesOf(Metrics.speeches, hit!).updateUnsafe(1, context)
    Metrics.seriesOf(Metrics.speeches, miss!).updateUnsafe(1, context)
    expect(yield* counts).toEqual([3, 1])
    yield* Metric.update(Metric.withAttributes(Metrics.speeches, hit!), 1)
    expect(yield* counts).toEqual([4, 1])
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())),
)
