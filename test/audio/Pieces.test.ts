import { expect, it } from "@effect/vitest"
import { Effect, Exit, Result, Stream } from "effect"
import { throughPieces } from "../../src/audio/Pieces.ts"

const as = (error: never) => error
const doubled = (one: number) => Result.succeed(one % 2 === 0 ? undefined : one * 2)

it.effect("pieces go through one by one, some to nothing, and what is made at the end comes last", () =>
  Effect.gen(function* () {
    const through = throughPieces(doubled, () => Result.succeed(100), as)
    expect(yield* Stream.runCollect(through(Stream.make(1, 2, 3)))).toEqual([2, 6, 100])
    expect(yield* Stream.runCollect(through(Stream.make(2, 4)))).toEqual([100])
    expect(yield* Stream.runCollect(through(Stream.empty))).toEqual([100])
    const silent = throughPieces(doubled, () => Result.succeed(undefined), as)
    expect(yield* Stream.runCollect(silent(Stream.make(2, 1)))).toEqual([2])
    // Each run is its own.
    const pieces = through(Stream.make(1))
    expect([yield* Stream.runCollect(pieces), yield* Stream.runCollect(pieces)]).toEqual([
      [2, 100],
      [2, 100],
    ])
  }),
)

it.effect("a stream that fails, and a piece of which nothing can be made, end it without its end", () =>
  Effect.gen(function* () {
    let ended = 0
    const end = () => {
      ended++
      return Result.succeed(undefined)
    }
    const each = (one: number) => (one === 3 ? Result.fail("three") : Result.succeed(one))
    const through = throughPieces<number, number, string, string>(each, end, (error) => `because of ${error}`)
    const heard: Array<number> = []
    const hear = (stream: Stream.Stream<number, string>) =>
      Effect.exit(Stream.runForEach(through(stream), (one) => Effect.sync(() => heard.push(one))))
    expect(yield* hear(Stream.concat(Stream.make(1), Stream.fail("engine")))).toEqual(Exit.fail("because of engine"))
    expect(yield* hear(Stream.concat(Stream.make(2), Stream.make(3)))).toEqual(Exit.fail("because of three"))
    expect([heard, ended]).toEqual([[1, 2], 0])
  }),
)
