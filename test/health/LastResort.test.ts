import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Admission } from "../../src/health/Admission.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineProbe } from "../../src/health/EngineProbe.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import { EngineWedged, HealthError, QueueFull } from "../../src/health/HealthError.ts"
import { isOut } from "../../src/health/LastResort.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import { Restarter } from "../../src/health/Restarter.ts"
import { RestartJournal } from "../../src/health/RestartJournal.ts"
import { Settings } from "../../src/Settings.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineCut, EngineRejected, EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { enginesOf } from "../support/fleet.ts"
import { oneSegment } from "../support/heard.ts"

const unreachable = new EngineError({ engine: "parakeet", reason: new EngineUnreachable({ message: "refused" }) })
const cut = new EngineError({ engine: "parakeet", reason: new EngineCut({ message: "closed" }) })
const rejected = (status: number) =>
  new EngineError({ engine: "parakeet", reason: new EngineRejected({ status, message: "no", body: "" }) })

/** One Parakeet that says `engine`, and what stands in for it. */
const room = () => {
  const fleet = Layer.unwrap(
    Effect.gen(function* () {
      const says = (text: string) => ({ transcribe: () => Stream.succeed(oneSegment(text)) })
      const [magpie, engine, inside] = yield* enginesOf([says("engine"), says("inside")])
      return Fleet.layerOf([magpie!, engine!, { ...inside!, standsIn: true }])
    }),
  )
  return EngineGuard.layer.pipe(
    Layer.provideMerge(DeepHealth.layer),
    Layer.provide(EngineProbe.layerTest(() => Effect.succeed({ result: "passed", detail: "" }))),
    Layer.provide([Restarter.layerNone, Quarantine.layer]),
    Layer.provide(RestartBudget.layer.pipe(Layer.provide(RestartJournal.layerMemory([])))),
    Layer.provideMerge(Admission.layer),
    Layer.provideMerge(EngineStates.layer),
    Layer.provideMerge(fleet),
    Layer.provide(Settings.layerTest({ parakeetConcurrency: "1" })),
  )
}

const heard = <E, R>(stream: Stream.Stream<{ readonly text: string }, E, R>) =>
  Effect.map(Stream.runCollect(stream), (segments) => Array.from(segments, ({ text }) => text).join(" "))

const hear = (replaceable: boolean, standIn: boolean, calls: Array<string> = []) =>
  Stream.unwrap(
    Effect.map(EngineGuard, (guard) =>
      guard.stream(
        "parakeet",
        (client) =>
          Stream.onStart(
            client.transcribe({ path: "", samples: 1 }),
            Effect.sync(() => calls.push("called")),
          ),
        { replaceable, standIn },
      ),
    ),
  )

it("only what says that no engine can answer is a reason for the last resort", () => {
  const wedged = new EngineWedged({ engine: "parakeet", state: "wedged", message: "" })
  const full = new QueueFull({ engine: "parakeet", waiting: 1, retryAfterMillis: 1 })
  assert.deepStrictEqual(
    [unreachable, cut, rejected(500), new HealthError({ reason: wedged })].map((error) => isOut("parakeet", error)),
    [true, true, true, true],
  )
  assert.deepStrictEqual(
    [rejected(400), rejected(401), rejected(404), rejected(429), rejected(501), new HealthError({ reason: full })].map(
      (error) => isOut("parakeet", error),
    ),
    [false, false, false, false, false, false],
  )
})

it.effect("it has an id and a line of its own, is asked only where that is said, and is not probed", () =>
  Effect.gen(function* () {
    const fleet = yield* Fleet
    assert.deepStrictEqual(
      fleet.members.map(({ id }) => id),
      ["magpie", "parakeet", "parakeet-fallback"],
    )
    assert.deepStrictEqual([yield* heard(hear(false, false)), yield* heard(hear(false, true))], ["engine", "inside"])
    // A line of the engine's own does not keep anybody from it.
    yield* (yield* Admission).turn("parakeet")
    assert.strictEqual(yield* heard(hear(false, true)), "inside")
    yield* TestClock.adjust("20 minutes")
    const states = yield* EngineStates
    assert.isAbove((yield* states.get("magpie")).probes.length, 1)
    assert.strictEqual((yield* states.get("parakeet-fallback")).probes.length, 0)
  }).pipe(Effect.scoped, Effect.provide(room())),
)

it.effect("where nobody listens, an engine that can be replaced is not called; one that cannot is", () =>
  Effect.gen(function* () {
    yield* (yield* EngineStates).apply("parakeet", "unreachable", "connect ECONNREFUSED")
    const calls: Array<string> = []
    const error = yield* Effect.flip(heard(hear(true, false, calls)))
    assert.deepStrictEqual(
      [error._tag, error.message, calls],
      ["EngineError", "EngineUnreachable: connect ECONNREFUSED", []],
    )
    assert.strictEqual(yield* heard(hear(false, false, calls)), "engine")
    assert.deepStrictEqual(calls, ["called"])
  }).pipe(Effect.provide(room())),
)

it.effect(
  "it takes over before the first element only, and where it fails too the engines' own failure is told",
  () => {
    const log: Array<string> = []
    return Effect.gen(function* () {
      const states = yield* EngineStates
      const { orElse } = (yield* EngineGuard).lastResort("parakeet")
      const [first, inside] = [Stream.succeed(oneSegment("first")), Stream.succeed(oneSegment("inside"))]
      const fails = Stream.fail<EngineError>(unreachable)
      assert.strictEqual(yield* heard(orElse(fails, inside)), "inside")
      assert.strictEqual(yield* Effect.flip(heard(orElse(Stream.concat(first, fails), inside))), unreachable)
      assert.strictEqual(yield* Effect.flip(heard(orElse(fails, Stream.fail(cut)))), unreachable)
      assert.strictEqual(yield* Effect.flip(heard(orElse(fails, Stream.concat(first, Stream.fail(cut))))), cut)
      const refused = Stream.fail(rejected(400))
      assert.strictEqual((yield* Effect.flip(heard(orElse(refused, inside)))).reason._tag, "EngineRejected")

      // Once, until an engine was there again.
      const news = () => log.filter((line) => line.startsWith("no Parakeet can answer")).length
      assert.strictEqual(news(), 1)
      yield* states.apply("parakeet", "unreachable", "gone")
      yield* heard(orElse(fails, inside))
      assert.strictEqual(news(), 1)
      yield* states.apply("parakeet", "passed", "heard it")
      yield* heard(orElse(fails, inside))
      assert.strictEqual(news(), 2)
    }).pipe(
      Effect.provide(room()),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void log.push(String(message)))])),
    )
  },
)
