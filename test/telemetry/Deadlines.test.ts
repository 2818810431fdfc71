import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { makeDeadlines } from "../../src/telemetry/Deadlines.ts"

const make = Effect.gen(function* () {
  const { add, now } = yield* makeDeadlines
  const seen: Array<string> = []
  const until = (name: string, millis: number, again?: number) =>
    add({
      at: now() + millis,
      look: (at) => {
        seen.push(`${name} ${at}`)
        return again === undefined ? undefined : at + again
      },
    })
  return { seen, until }
})

it.effect("each is looked at when its time has come, whichever came first, and again when it says so", () =>
  Effect.gen(function* () {
    const { seen, until } = yield* make
    until("late", 1_000)
    until("early", 10)
    until("often", 400, 400)
    yield* TestClock.adjust(5)
    expect(seen).toEqual([])
    yield* TestClock.adjust(5)
    expect(seen).toEqual(["early 10"])
    yield* TestClock.adjust(990)
    expect(seen).toEqual(["early 10", "often 400", "often 800", "late 1000"])
  }),
)

it.effect("one that is taken off is not looked at; one that comes when nothing was waited for is", () =>
  Effect.gen(function* () {
    const { seen, until } = yield* make
    const forget = until("answered", 100)
    forget()
    yield* TestClock.adjust(1_000)
    until("next", 100)
    yield* TestClock.adjust(100)
    expect(seen).toEqual(["next 1100"])
  }),
)

it.effect("what a look begins is looked at, too, and nothing is once the scope is closed", () =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { add } = yield* makeDeadlines
        const look = (at: number) => {
          seen.push(at)
          add({ at: at + 10, look })
          return undefined
        }
        add({ at: 10, look })
        yield* TestClock.adjust(25)
      }),
    )
    yield* TestClock.adjust(100)
    expect(seen).toEqual([10, 20])
  }),
)
