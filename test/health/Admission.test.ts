import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeUrgency } from "../../src/billing/Priority.ts"
import { Admission } from "../../src/health/Admission.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { Settings } from "../../src/Settings.ts"
import { oneOfEach } from "../support/fleet.ts"

const admission = (settings: Parameters<typeof Settings.layerTest>[0]) =>
  Effect.provide(
    Admission.layer.pipe(
      Layer.provide(EngineStates.layer),
      Layer.provide(oneOfEach()),
      Layer.provide(Settings.layerTest(settings)),
    ),
  )

/** Takes a turn, and gives it back when the scope that comes with it is closed. */
const held = Effect.gen(function* () {
  const scope = yield* Scope.make()
  yield* Scope.provide((yield* Admission).turn("parakeet"), scope)
  return scope
})

const reasonOf = (exit: Exit.Exit<unknown, { readonly reason: { readonly _tag: string } }>) =>
  Exit.match(exit, {
    onSuccess: () => "success",
    onFailure: (cause) => (cause.reasons[0]?._tag === "Fail" ? cause.reasons[0].error.reason._tag : "no failure"),
  })

it.effect("as many at once as the setting says, the rest in their order", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const order: Array<number> = []
    const finish = yield* Deferred.make<void>()
    let most = 0
    const one = (n: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          yield* gate.turn("parakeet")
          most = Math.max(most, yield* gate.working("parakeet"))
          order.push(n)
          yield* Deferred.await(finish)
        }),
      )
    const fibers = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (n) => Effect.forkChild(one(n)))
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(order, [0, 1])
    assert.strictEqual(yield* gate.waiting("parakeet"), 4)
    yield* Deferred.succeed(finish, undefined)
    yield* Effect.forEach(fibers, Fiber.join)
    assert.deepStrictEqual(order, [0, 1, 2, 3, 4, 5])
    assert.strictEqual(most, 2)
    assert.strictEqual(yield* gate.working("parakeet"), 0)
  }).pipe(admission({ parakeetConcurrency: "2" })),
)

it.effect("one more than the line holds is turned away at once", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    yield* held
    yield* Effect.forEach([1, 2], () => Effect.forkChild(Effect.scoped(gate.turn("parakeet"))))
    yield* TestClock.adjust(0)
    assert.strictEqual(reasonOf(yield* Effect.exit(Effect.scoped(gate.turn("parakeet")))), "QueueFull")
    // The other engine has a line of its own.
    yield* Effect.scoped(gate.turn("magpie"))
  }).pipe(admission({ queueLength: "2" })),
)

it.effect("a newcomer does not pass those in line, not even in the moment between two turns", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const order: Array<string> = []
    const turn = (name: string) =>
      Effect.scoped(
        Effect.andThen(
          gate.turn("parakeet"),
          Effect.sync(() => order.push(name)),
        ),
      )
    const first = yield* held
    const second = yield* Effect.forkChild(turn("in line"))
    yield* TestClock.adjust(0)
    yield* Scope.close(first, Exit.void)
    yield* turn("newcomer")
    yield* Fiber.join(second)
    assert.deepStrictEqual(order, ["in line", "newcomer"])
  }).pipe(admission({})),
)

it.effect("without a line a free engine still takes calls", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    yield* Effect.scoped(gate.turn("parakeet"))
    yield* held
    assert.strictEqual(reasonOf(yield* Effect.exit(Effect.scoped(gate.turn("parakeet")))), "QueueFull")
  }).pipe(admission({ queueLength: "0" })),
)

it.effect("a wait has an end, and the turn that it missed is not lost", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const first = yield* held
    const waiting = yield* Effect.forkChild(Effect.exit(Effect.scoped(gate.turn("parakeet"))))
    yield* TestClock.adjust("60 seconds")
    assert.strictEqual(reasonOf(yield* Fiber.join(waiting)), "QueueWaitTimedOut")
    assert.strictEqual(yield* gate.waiting("parakeet"), 0)
    yield* Scope.close(first, Exit.void)
    yield* Effect.scoped(gate.turn("parakeet"))
  }).pipe(admission({ queueWait: "60 seconds" })),
)

it.effect("who leaves the line leaves it at once, wherever it stood", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const first = yield* held
    const [second, third] = yield* Effect.forEach([1, 2], () => Effect.forkChild(held))
    yield* TestClock.adjust(0)
    assert.strictEqual(yield* gate.waiting("parakeet"), 2)
    yield* Fiber.interrupt(second!)
    assert.strictEqual(yield* gate.waiting("parakeet"), 1)
    yield* Scope.close(first, Exit.void)
    yield* Fiber.join(third!)
  }).pipe(admission({})),
)

it.effect("a probe stands in line but is not turned away by its length", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const first = yield* held
    const probe = yield* Effect.forkChild(Effect.scoped(gate.probeTurn("parakeet")))
    yield* TestClock.adjust(0)
    yield* Scope.close(first, Exit.void)
    assert.isTrue(yield* Fiber.join(probe))

    yield* held
    const late = yield* Effect.forkChild(Effect.scoped(gate.probeTurn("parakeet")))
    yield* TestClock.adjust("60 seconds")
    assert.isFalse(yield* Fiber.join(late))
  }).pipe(admission({ queueLength: "0", queueWait: "60 seconds" })),
)

it.effect("what has begun goes before all that has not, in its order", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const order: Array<string> = []
    const turn = (name: string, begun: boolean) =>
      Effect.forkChild(
        Effect.scoped(
          Effect.andThen(
            gate.turn("magpie", { begun }),
            Effect.sync(() => order.push(name)),
          ),
        ),
      )
    const scope = yield* Scope.make()
    yield* Scope.provide(gate.turn("magpie"), scope)
    const fibers = [
      yield* turn("new 1", false),
      yield* turn("new 2", false),
      yield* turn("begun 1", true),
      yield* turn("begun 2", true),
    ]
    yield* TestClock.adjust(0)
    yield* Scope.close(scope, Exit.void)
    yield* Effect.forEach(fibers, Fiber.join)
    assert.deepStrictEqual(order, ["begun 1", "begun 2", "new 1", "new 2"])
  }).pipe(admission({ magpieConcurrency: "1" })),
)

it.effect("what has begun is not turned away by a full line, and its wait ends after two of the longest calls", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* gate.turn("magpie")
        const begun = yield* Effect.forkChild(Effect.exit(Effect.scoped(gate.turn("magpie", { begun: true }))))
        yield* TestClock.adjust("250 seconds")
        assert.isUndefined(begun.pollUnsafe())
        yield* TestClock.adjust("51 seconds")
        assert.strictEqual(reasonOf(yield* Fiber.join(begun)), "QueueWaitTimedOut")
      }),
    )
  }).pipe(
    admission({ magpieConcurrency: "1", queueLength: "0", queueWait: "60 seconds", magpieTimeout: "120 seconds" }),
  ),
)

it.effect("a new call is refused at once where those in front are known to take longer than its wait", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const call = Effect.scoped(Effect.andThen(gate.turn("parakeet"), Effect.sleep("25 seconds")))
    for (let n = 0; n < 30; n++) {
      const one = yield* Effect.forkChild(call)
      yield* TestClock.adjust("25 seconds")
      yield* Fiber.join(one)
    }
    const calls = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.forkChild(Effect.exit(call)))
    yield* TestClock.adjust(0)
    assert.deepStrictEqual(
      calls.map((fiber) => fiber.pollUnsafe() !== undefined),
      [false, false, false, false, true],
    )
    const error = yield* Effect.flip(yield* Fiber.join(calls[4]!))
    assert.deepInclude(error.reason, { _tag: "QueueFull", waiting: 3 })
    const { retryAfterMillis } = error.reason as { retryAfterMillis: number }
    assert.isAbove(retryAfterMillis, 10_000)
    assert.isBelow(retryAfterMillis, 16_000)
    // One that has begun stays.
    const begun = yield* Effect.forkChild(Effect.scoped(gate.turn("parakeet", { begun: true })))
    yield* TestClock.adjust("25 seconds")
    yield* Fiber.join(begun)
  }).pipe(admission({ queueWait: "60 seconds" })),
)

it.effect(
  "who leaves just as its turn comes passes it on",
  () =>
    Effect.gen(function* () {
      const gate = yield* Admission
      const first = yield* held
      const kept = Effect.scoped(Effect.andThen(gate.turn("parakeet"), Effect.never))
      const second = yield* Effect.forkChild(kept)
      const third = yield* Effect.forkChild(held)
      yield* TestClock.adjust(0)
      yield* Effect.all([Scope.close(first, Exit.void), Fiber.interrupt(second)], { concurrency: 2 })
      yield* Fiber.join(third)
      assert.strictEqual(yield* gate.waiting("parakeet"), 0)
    }).pipe(admission({ parakeetConcurrency: "1" })),
  5_000,
)

it.effect("who waits goes further in front as soon as somebody more urgent waits for the same", () =>
  Effect.gen(function* () {
    const gate = yield* Admission
    const first = yield* held
    const order: Array<string> = []
    const urgency = { bulk: makeUrgency("bulk"), normal: makeUrgency("normal") }
    const one = (name: "bulk" | "normal") =>
      Effect.scoped(
        Effect.andThen(
          gate.turn("parakeet", { urgency: urgency[name] }),
          Effect.sync(() => void order.push(name)),
        ),
      )
    const fibers = [yield* Effect.forkChild(one("bulk")), yield* Effect.forkChild(one("normal"))]
    yield* TestClock.adjust("1 second")
    urgency.bulk.raise(makeUrgency("live").rank())
    yield* Scope.close(first, Exit.void)
    yield* Effect.forEach(fibers, Fiber.join)
    assert.deepStrictEqual(order, ["bulk", "normal"])
  }).pipe(admission({ parakeetConcurrency: "1" })),
)
