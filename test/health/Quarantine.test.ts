import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { withWallClock } from "../support/wallClock.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"

const isRefused = (content: string) =>
  Effect.flatMap(Quarantine, (quarantine) => Effect.isFailure(quarantine.check(content)))

it.effect("two wedges make a recording refused, one does not", () =>
  Effect.gen(function* () {
    const quarantine = yield* Quarantine
    yield* quarantine.strike("parakeet", "a", 1)
    assert.isFalse(yield* isRefused("a"))
    yield* quarantine.strike("parakeet", "a", 2)
    assert.isTrue(yield* isRefused("a"))
    assert.isFalse(yield* isRefused("b"))
  }).pipe(Effect.provide(Quarantine.layer)),
)

it.effect("several calls of one recording at the same wedge are one strike", () =>
  Effect.gen(function* () {
    const quarantine = yield* Quarantine
    yield* Effect.forEach([1, 1, 1], (life) => quarantine.strike("parakeet", "a", life))
    assert.isFalse(yield* isRefused("a"))
  }).pipe(Effect.provide(Quarantine.layer)),
)

it.effect("a wedge of one engine and a wedge of another are two, whatever lives they are in", () =>
  Effect.gen(function* () {
    const quarantine = yield* Quarantine
    for (const engine of ["parakeet-1", "parakeet-1"] as const) yield* quarantine.strike(engine, "a", 1)
    assert.isFalse(yield* isRefused("a"))
    yield* quarantine.strike("parakeet-2", "a", 1)
    assert.isTrue(yield* isRefused("a"))
  }).pipe(Effect.provide(Quarantine.layer)),
)

it.effect("it ends after a day, or when an operator says so", () =>
  Effect.gen(function* () {
    const quarantine = yield* Quarantine
    for (const content of ["a", "b", "c"])
      yield* Effect.forEach([1, 2], (life) => quarantine.strike("parakeet", content, life))
    assert.strictEqual(yield* quarantine.clear("a"), 1)
    assert.deepStrictEqual(
      (yield* quarantine.list).map(({ content, strikes }) => [content, strikes]),
      [
        ["b", 2],
        ["c", 2],
      ],
    )
    assert.deepStrictEqual([yield* isRefused("a"), yield* isRefused("b")], [false, true])
    yield* TestClock.adjust("24 hours")
    assert.isFalse(yield* isRefused("b"))
    assert.deepStrictEqual(yield* quarantine.list, [])
    assert.strictEqual(yield* quarantine.clear(), 0)
  }).pipe(Effect.provide(Quarantine.layer)),
)

it.effect("a recording that struck while the clock ran ahead is let in a day later all the same", () =>
  withWallClock((set) =>
    Effect.gen(function* () {
      const quarantine = yield* Quarantine
      set(365 * 86_400_000)
      yield* quarantine.strike("parakeet", "aa", 1)
      yield* quarantine.strike("parakeet", "aa", 2)
      set(0)
      yield* TestClock.adjust("23 hours")
      const { reason } = yield* Effect.flip(quarantine.check("aa"))
      assert.deepInclude(reason, { _tag: "Quarantined", untilMillis: 24 * 3_600_000 })
      yield* TestClock.adjust("1 hour")
      yield* quarantine.check("aa")
    }).pipe(Effect.provide(Quarantine.layer)),
  ),
)

it.effect("at most 1,000 are remembered, the newest", () =>
  Effect.gen(function* () {
    const quarantine = yield* Quarantine
    for (let n = 0; n < 1_001; n++)
      yield* Effect.forEach([1, 2], (life) => quarantine.strike("parakeet", String(n), life))
    assert.strictEqual((yield* quarantine.list).length, 1_000)
    assert.deepStrictEqual([yield* isRefused("0"), yield* isRefused("1000")], [false, true])
  }).pipe(Effect.provide(Quarantine.layer)),
)
