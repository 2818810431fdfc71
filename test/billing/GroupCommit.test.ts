import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { BillingError, LedgerUnavailable } from "../../src/billing/BillingError.ts"
import { gatherFor } from "../../src/billing/GroupCommit.ts"
import type { Asked } from "../../src/billing/Operations.ts"

const asked = (input: number): Asked => ({ name: "rates", input })
const settled = TestClock.adjust(0)

/** A database that takes its time: each group waits for `go`. */
const slow = Effect.gen(function* () {
  const groups: Array<ReadonlyArray<unknown>> = []
  const gates: Array<Deferred.Deferred<void, BillingError>> = []
  const scope = yield* Scope.make()
  const run = yield* gatherFor((group) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void, BillingError>()
      groups.push(group.map(({ input }) => input))
      gates.push(gate)
      yield* Deferred.await(gate)
      return group.map(({ input }) => ({ answer: input }))
    }),
  ).pipe(Scope.provide(scope))
  return { groups, gates, scope, ask: (input: number) => Effect.forkChild(Effect.exit(run(asked(input)))) }
})

it.effect("what is asked while a group is under way goes together with the next, and each gets its own answer", () =>
  Effect.gen(function* () {
    const { groups, gates, ask } = yield* slow
    const first = yield* ask(1)
    yield* settled
    const rest = yield* Effect.forEach([2, 3, 4], ask)
    yield* settled
    assert.deepStrictEqual(groups, [[1]])
    yield* Deferred.succeed(gates[0]!, undefined)
    assert.deepStrictEqual(yield* Fiber.join(first), Exit.succeed(1))
    yield* settled
    assert.deepStrictEqual(groups, [[1], [2, 3, 4]])
    yield* Deferred.succeed(gates[1]!, undefined)
    assert.deepStrictEqual(
      yield* Effect.forEach(rest, Fiber.join),
      [2, 3, 4].map((n) => Exit.succeed(n)),
    )
  }),
)

it.effect("what is given up before its group is sent is not made", () =>
  Effect.gen(function* () {
    const { groups, gates, ask } = yield* slow
    yield* ask(1)
    yield* settled
    const leaves = yield* ask(2)
    const stays = yield* ask(3)
    yield* settled
    yield* Fiber.interrupt(leaves)
    yield* Deferred.succeed(gates[0]!, undefined)
    yield* settled
    assert.deepStrictEqual(groups, [[1], [3]])
    yield* Deferred.succeed(gates[1]!, undefined)
    assert.deepStrictEqual(yield* Fiber.join(stays), Exit.succeed(3))
  }),
)

it.effect("a group that fails fails for all in it, and the next is made", () =>
  Effect.gen(function* () {
    const { gates, ask } = yield* slow
    const error = new BillingError({ reason: new LedgerUnavailable({ kind: "lost", message: "the thread died" }) })
    const first = yield* ask(1)
    yield* settled
    yield* Deferred.fail(gates[0]!, error)
    assert.deepStrictEqual(yield* Fiber.join(first), Exit.fail(error))
    const next = yield* ask(2)
    yield* settled
    yield* Deferred.succeed(gates[1]!, undefined)
    assert.deepStrictEqual(yield* Fiber.join(next), Exit.succeed(2))
  }),
)

it.effect("when it closes, those under way and those who wait are told that they cannot know", () =>
  Effect.gen(function* () {
    const { scope, ask } = yield* slow
    const underWay = yield* ask(1)
    yield* settled
    const waiting = yield* ask(2)
    yield* settled
    yield* Scope.close(scope, Exit.void)
    for (const fiber of [underWay, waiting, yield* ask(3)]) {
      const exit = yield* Fiber.join(fiber)
      assert.isTrue(Exit.isFailure(exit) && !Exit.hasInterrupts(exit))
    }
  }),
)

it.effect("what is asked in the same breath goes together, though nothing is under way", () =>
  Effect.gen(function* () {
    const { groups, ask } = yield* slow
    yield* ask(1)
    yield* ask(2)
    yield* settled
    assert.deepStrictEqual(groups, [[1, 2]])
  }),
)
