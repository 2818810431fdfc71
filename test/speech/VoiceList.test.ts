import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Ref } from "effect"
import { TestClock } from "effect/testing"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { VoiceList } from "../../src/speech/VoiceList.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { oneOfEach } from "../support/fleet.ts"
import { Settings } from "../../src/Settings.ts"

const down = new EngineError({ engine: "magpie", reason: new EngineUnreachable({ message: "refused" }) })

type Listing = MagpieClient["Service"]["voices"]

/** An engine that answers with what is in the ref, and counts. */
const listing = Effect.fnUntraced(function* (first: Listing) {
  const answer = yield* Ref.make(first)
  const asked = yield* Ref.make(0)
  const voices = Effect.andThen(
    Ref.update(asked, (n) => n + 1),
    Effect.flatten(Ref.get(answer)),
  )
  const context = yield* Layer.build(
    VoiceList.layer.pipe(
      Layer.provide(EngineGuard.layerOpen),
      Layer.provide(oneOfEach({ magpie: { voices } })),
      Layer.provide(Settings.layerTest()),
    ),
  )
  const list = yield* Effect.provide(VoiceList, context)
  const names = <E>(index: Effect.Effect<{ readonly bases: ReadonlyArray<{ readonly id: string }> }, E>) =>
    Effect.map(index, ({ bases }) => bases.map(({ id }) => id))
  return { known: names(list.known), latest: names(list.latest), raw: list, answer, asked: Ref.get(asked) }
})

it.effect("asks once a minute, and builds its index once for all who ask meanwhile", () =>
  Effect.gen(function* () {
    const { asked, raw } = yield* listing(Effect.succeed(["A"]))
    const first = yield* raw.known
    yield* TestClock.adjust("59 seconds")
    expect(yield* raw.known).toBe(first)
    expect(yield* raw.latest).toBe(first)
    expect(yield* asked).toBe(1)
  }),
)

it.effect("answers the last listing at once, and fetches a newer one for the next request", () =>
  Effect.gen(function* () {
    const { answer, asked, known } = yield* listing(Effect.succeed(["A"]))
    yield* known
    yield* Ref.set(answer, Effect.succeed(["B"]))
    yield* TestClock.adjust("61 seconds")
    expect(yield* known).toEqual(["A"])
    yield* TestClock.adjust(0)
    expect(yield* known).toEqual(["B"])
    expect(yield* asked).toBe(2)
  }),
)

it.effect("never waits for an engine that hangs once there was a listing, and asks it once", () =>
  Effect.gen(function* () {
    const { answer, asked, known } = yield* listing(Effect.succeed(["A"]))
    yield* known
    yield* Ref.set(answer, Effect.never)
    for (let minute = 0; minute < 5; minute++) {
      yield* TestClock.adjust("1 minute")
      // Under the test clock an answer that took time would never come.
      expect(yield* known).toEqual(["A"])
    }
    expect(yield* asked).toBe(2)
  }),
)

it.effect("remembers what was listed last while the engine is down, and asks it once a second", () =>
  Effect.gen(function* () {
    const { answer, asked, known } = yield* listing(Effect.succeed(["A"]))
    yield* known
    yield* Ref.set(answer, Effect.fail(down))
    yield* TestClock.adjust("61 seconds")
    for (let times = 0; times < 5; times++) {
      expect(yield* known).toEqual(["A"])
      yield* TestClock.adjust("100 millis")
    }
    expect(yield* asked).toBe(2)
    yield* TestClock.adjust("1 second")
    expect(yield* known).toEqual(["A"])
    yield* TestClock.adjust(0)
    expect(yield* asked).toBe(3)
  }),
)

it.effect("before the first listing waits for the engine, fails as it does, and asks again after a second", () =>
  Effect.gen(function* () {
    const { answer, asked, known } = yield* listing(Effect.fail(down))
    expect(yield* Effect.flip(known)).toBe(down)
    expect(yield* Effect.flip(known)).toBe(down)
    expect(yield* asked).toBe(1)
    yield* Ref.set(answer, Effect.delay(Effect.succeed(["A"]), "5 seconds"))
    yield* TestClock.adjust("1 second")
    const waiting = yield* Effect.forkChild(known)
    yield* TestClock.adjust("4 seconds")
    expect(waiting.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(waiting)).toEqual(["A"])
  }),
)

it.effect("lets the first to ask leave without taking the listing from the next", () =>
  Effect.gen(function* () {
    const come = yield* Deferred.make<ReadonlyArray<string>>()
    const { asked, known } = yield* listing(Deferred.await(come))
    const leaver = yield* Effect.forkChild(known)
    yield* TestClock.adjust(1)
    yield* Fiber.interrupt(leaver)
    const stayer = yield* Effect.forkChild(known)
    yield* Deferred.succeed(come, ["A"])
    expect(yield* Fiber.join(stayer)).toEqual(["A"])
    expect(yield* asked).toBe(1)
  }),
)

it.effect("waits for a listing that is due where a name is not in the last one, and two seconds at most", () =>
  Effect.gen(function* () {
    const { answer, known, latest } = yield* listing(Effect.succeed(["A"]))
    yield* known
    yield* TestClock.adjust("61 seconds")
    yield* Ref.set(answer, Effect.succeed(["B"]))
    expect(yield* latest).toEqual(["B"])
    yield* Ref.set(answer, Effect.never)
    yield* TestClock.adjust("61 seconds")
    const waiting = yield* Effect.forkChild(latest)
    yield* TestClock.adjust("1999 millis")
    expect(waiting.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust("1 milli")
    expect(yield* Fiber.join(waiting)).toEqual(["B"])
  }),
)

it.effect("has the last listing for a name that it lacks while the engine is down", () =>
  Effect.gen(function* () {
    const { answer, known, latest } = yield* listing(Effect.succeed(["A"]))
    yield* known
    yield* Ref.set(answer, Effect.fail(down))
    yield* TestClock.adjust("61 seconds")
    expect(yield* latest).toEqual(["A"])
  }),
)
