import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { EngineTimeline } from "../../src/health/EngineTimeline.ts"
import { Settings } from "../../src/Settings.ts"
import { oneOfEach } from "../support/fleet.ts"

const room = EngineTimeline.layer.pipe(
  Layer.provideMerge(EngineStates.layer),
  Layer.provide(oneOfEach()),
  Layer.provide(Settings.layerTest()),
)

/** Lets whoever follows the states see the last change. */
const seen = Effect.forEach(Array.from({ length: 10 }), () => Effect.yieldNow, { discard: true })

const probe = (at: number, outcome: "passed" | "wedged", detail = "") => ({
  ...{ at, engine: "parakeet" as const, outcome, attempts: 1, durationMillis: 900, detail },
})

it.effect("an engine's day is its changes, probes, restarts and recoveries, in their order", () =>
  Effect.gen(function* () {
    const states = yield* EngineStates
    const timeline = yield* EngineTimeline
    const at = Effect.fnUntraced(function* (millis: number, what: Effect.Effect<unknown>) {
      yield* TestClock.setTime(millis)
      yield* what
      yield* seen
    })
    yield* seen
    yield* at(1_000, states.apply("parakeet", "passed", "the first probe"))
    yield* at(2_000, states.apply("parakeet", "suspected", "a request met CUBLAS"))
    yield* at(3_000, states.addProbe(probe(3_000, "wedged", "CUBLAS")))
    yield* at(3_000, states.apply("parakeet", "wedged", "the probe found CUBLAS"))
    yield* at(4_000, states.apply("parakeet", "restarting", "Docker restarts it"))
    yield* at(
      6_000,
      states.addRestart({
        ...{ at: 4_000, engine: "parakeet", outcome: "restarted", durationMillis: 2_000 },
        ...{ backend: "docker", reason: "CUBLAS", detail: "x".repeat(900) },
      }),
    )
    yield* at(6_000, states.apply("parakeet", "restarted", "it is restarted"))
    yield* at(9_000, states.apply("parakeet", "passed", "a probe passed"))
    const { events, now, recoveries, since } = yield* timeline.of("parakeet")
    expect({ now, since }).toEqual({ now: 9_000, since: 0 })
    expect(events.map((event) => [event.at, event.kind, event.kind === "state" ? event.to : event.outcome])).toEqual([
      [1_000, "state", "healthy"],
      [2_000, "state", "suspect"],
      [3_000, "probe", "wedged"],
      [3_000, "state", "wedged"],
      [4_000, "state", "restarting"],
      [4_000, "restart", "restarted"],
      [6_000, "state", "recovering"],
      [9_000, "state", "healthy"],
    ])
    // An engine's words are its own, and may be many.
    expect(events.every(({ detail }) => detail.length <= 200)).toBe(true)
    expect(recoveries).toEqual([{ at: 9_000, millis: 7_000 }])
    expect((yield* timeline.of("magpie")).events).toEqual([])
  }).pipe(Effect.provide(room)),
)

it.effect("what is older than a day is gone, whether or not anything happens", () =>
  Effect.gen(function* () {
    const states = yield* EngineStates
    const timeline = yield* EngineTimeline
    const times = Effect.map(timeline.of("parakeet"), ({ events }) => events.map(({ at }) => at))
    yield* seen
    for (const at of [1_000, 60_000]) {
      yield* TestClock.setTime(at)
      yield* states.addProbe(probe(at, "passed"))
      yield* seen
    }
    yield* TestClock.setTime(86_400_000)
    expect(yield* times).toEqual([1_000, 60_000])
    yield* TestClock.setTime(86_401_000)
    expect(yield* times).toEqual([60_000])
    yield* TestClock.setTime(86_400_000 * 2)
    expect(yield* times).toEqual([])
  }).pipe(Effect.provide(room)),
)

it.effect("of an engine that flaps the last thousand events are kept", () =>
  Effect.gen(function* () {
    const states = yield* EngineStates
    const timeline = yield* EngineTimeline
    yield* seen
    for (let at = 1; at <= 1_200; at++) {
      yield* TestClock.setTime(at)
      yield* states.addProbe(probe(at, "passed"))
      yield* seen
    }
    const { events } = yield* timeline.of("parakeet")
    expect([events.length, events[0]?.at, events.at(-1)?.at]).toEqual([1_000, 201, 1_200])
  }).pipe(Effect.provide(room)),
)
