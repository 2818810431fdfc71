import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { makeFairTurns } from "../../src/http/FairTurns.ts"

/** A loop whose turns come when the test says so, and answers in pieces of one byte each. */
const loop = (options: { readonly perTurn: number; readonly short: number }) => {
  const next: Array<() => void> = []
  const given: Array<string> = []
  const fair = makeFairTurns((run) => next.push(run), options)
  const turn = Effect.gen(function* () {
    for (let i = 0; i < 10; i++) yield* Effect.yieldNow
    const got = given.splice(0).join("")
    for (const run of next.splice(0)) run()
    return got
  })
  return {
    hand: (name: string, pieces: number) =>
      Effect.forkChild(
        Stream.range(1, pieces).pipe(
          Stream.rechunk(1),
          Stream.map(() => new Uint8Array(1)),
          fair,
          Stream.runForEach(() => Effect.sync(() => given.push(name))),
        ),
        { startImmediately: true },
      ),
    /** What was given up to the next turn, whose the pieces were, in so many turns. */
    turns: (count: number) => Effect.map(Effect.replicateEffect(turn, count), (got) => got.join(" ")),
    isIdle: () => next.length === 0,
  }
}

it.effect("answers go on one after the other, as many bytes as a turn of the loop has", () =>
  Effect.gen(function* () {
    const { hand, turns, isIdle } = loop({ perTurn: 2, short: 0 })
    for (const name of ["a", "b", "c", "d"]) yield* hand(name, 3)
    expect(yield* turns(7)).toBe("aa ab cd bc db cd ")
    expect(isIdle()).toBe(true)
    yield* hand("e", 2)
    expect(yield* turns(1)).toBe("ee")
  }),
)

it.effect("one that was handed little goes first, and those that were handed much have a piece a turn", () =>
  Effect.gen(function* () {
    const { hand, turns } = loop({ perTurn: 3, short: 2 })
    yield* hand("a", 9)
    yield* hand("b", 9)
    expect(yield* turns(2)).toBe("aaa abb")
    for (const name of ["v", "w", "x", "y"]) yield* hand(name, 2)
    expect(yield* turns(5)).toBe("aba bvw axy bvw axy")
  }),
)

it.effect("who leaves gives up its place in the line", () =>
  Effect.gen(function* () {
    const { hand, turns } = loop({ perTurn: 1, short: 0 })
    yield* hand("a", 2)
    const leaving = yield* hand("b", 2)
    yield* hand("c", 2)
    expect(yield* turns(1)).toBe("a")
    yield* Fiber.interrupt(leaving)
    expect(yield* turns(4)).toBe("a c c ")
  }),
)
