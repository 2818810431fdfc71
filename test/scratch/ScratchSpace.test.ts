import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeScratchSpace } from "../../src/scratch/ScratchSpace.ts"

const limits = { all: { uploads: 4, bytes: 100 }, account: { uploads: 2, bytes: 60 } }

it.effect("a share is given back with its scope, at the size that it came to have", () =>
  Effect.gen(function* () {
    const space = makeScratchSpace(limits)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const taken = yield* space.take("a", { uploads: 1, bytes: 50 })
        expect([space.left("a").bytes, space.left("b").bytes, space.left(undefined).bytes]).toEqual([10, 50, 50])
        taken.resize(20)
        expect([space.left("a").bytes, space.left("b").bytes, space.left(undefined).bytes]).toEqual([40, 60, 80])
      }),
    )
    expect([space.left("a").bytes, space.left(undefined).bytes]).toEqual([60, 100])
  }),
)

it.effect("what is refused takes nothing, and says whose limit it was", () =>
  Effect.gen(function* () {
    const space = makeScratchSpace(limits)
    expect(yield* Effect.flip(space.take("a", { uploads: 1, bytes: 61 }))).toMatchObject({
      reason: { whose: "account", of: "bytes", limit: 60 },
    })
    yield* space.take("a", { uploads: 2, bytes: 60 })
    expect(yield* Effect.flip(space.take("a", { uploads: 1, bytes: 0 }))).toMatchObject({
      reason: { whose: "account", of: "uploads", limit: 2 },
    })
    expect(yield* Effect.flip(space.take("b", { uploads: 1, bytes: 41 }))).toMatchObject({
      reason: { whose: "all", of: "bytes" },
    })
    // Without keys everybody is one account, which has no share of its own.
    yield* space.take(undefined, { uploads: 2, bytes: 40 })
    expect(yield* Effect.flip(space.take("b", { uploads: 1, bytes: 0 }))).toMatchObject({
      reason: { whose: "all", of: "uploads" },
    })
    expect(space.left("b")).toMatchObject({ bytes: 0, refusal: { reason: { whose: "all", limit: 100 } } })
  }),
)
