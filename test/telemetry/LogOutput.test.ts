import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import { LogUnwritable, makeLogOutput } from "../../src/telemetry/LogOutput.ts"
import * as Metrics from "../../src/telemetry/Metrics.ts"

/** A place for lines that takes at most `atOnce` bytes a time, or fails with `code`. */
const makeSink = (atOnce = Number.MAX_SAFE_INTEGER) => {
  const sink = {
    text: "",
    code: undefined as string | undefined,
    tries: 0,
    write: (bytes: Uint8Array, at: number) =>
      Effect.suspend(() => {
        sink.tries += 1
        if (sink.code !== undefined) return Effect.fail(new LogUnwritable({ code: sink.code }))
        const some = Buffer.from(bytes.subarray(at, at + atOnce))
        sink.text += some.toString("latin1")
        return Effect.succeed(some.length)
      }),
  }
  return sink
}

const ignored = () => Effect.void
const turns = Effect.repeat(Effect.yieldNow, { times: 10 })
const droppedSoFar = Effect.map(Metric.value(Metrics.logDropped), ({ count }) => count)

it.effect("lines are written in their order, whatever is taken at once", () =>
  Effect.gen(function* () {
    const sink = makeSink(3)
    const output = yield* makeLogOutput(ignored, sink.write)
    output.line("first")
    yield* turns
    output.line("second")
    output.line("third")
    yield* TestClock.adjust("50 millis")
    expect(sink.text).toBe("first\nsecond\nthird\n")
  }),
)

it.effect("a line is written at once, and what follows it closely is written together", () =>
  Effect.gen(function* () {
    const sink = makeSink()
    const output = yield* makeLogOutput(ignored, sink.write)
    output.line("first")
    yield* turns
    expect(sink.text).toBe("first\n")
    for (let n = 0; n < 20; n++) {
      output.line("another")
      yield* TestClock.adjust("2 millis")
    }
    expect(sink.tries).toBe(1)
    yield* TestClock.adjust("50 millis")
    expect(sink.text).toBe(`first\n${"another\n".repeat(20)}`)
    expect(sink.tries).toBe(2)
  }),
)

it.effect(
  "lines that cannot be written wait up to a MiB, the rest is dropped, counted, and told of once it is over",
  () =>
    Effect.gen(function* () {
      const sink = makeSink()
      const told: Array<unknown> = []
      const output = yield* makeLogOutput((dropped, code) => Effect.sync(() => told.push([dropped, code])), sink.write)
      const before = yield* droppedSoFar
      sink.code = "ENOSPC"
      const long = "x".repeat(1_024)
      for (let n = 0; n < 1_034; n++) output.line(long)
      yield* turns
      expect(yield* droppedSoFar).toBe(before + 10)
      yield* TestClock.adjust("10 seconds")
      expect(sink.text).toBe("")
      expect(sink.tries, "a try a second, not more").toBeLessThanOrEqual(12)
      sink.code = undefined
      yield* TestClock.adjust("1 second")
      expect(sink.text).toBe(`${long}\n`.repeat(1_024))
      expect(told).toEqual([[10, "ENOSPC"]])
      output.line("and on")
      yield* TestClock.adjust("50 millis")
      expect(sink.text.endsWith("\nand on\n")).toBe(true)
    }),
)

it.effect("a reader that is slow for a moment loses nothing, and is asked again soon", () =>
  Effect.gen(function* () {
    const sink = makeSink()
    const output = yield* makeLogOutput(ignored, sink.write)
    sink.code = "EAGAIN"
    output.line("late")
    yield* turns
    sink.code = undefined
    yield* TestClock.adjust("20 millis")
    expect(sink.text).toBe("late\n")
  }),
)

it.effect("the last lines are written before the end, and one that nobody takes holds the end up for a second", () =>
  Effect.gen(function* () {
    for (const [code, millis] of [
      [undefined, 0],
      ["EPIPE", 1_000],
    ] as const) {
      const sink = makeSink()
      const scope = yield* Scope.make()
      const output = yield* Scope.provide(makeLogOutput(ignored, sink.write), scope)
      sink.code = code
      output.line("goodbye")
      const closed = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), Deferred.succeed(closed, undefined)))
      yield* TestClock.adjust(millis)
      yield* Deferred.await(closed)
      expect(sink.text).toBe(code === undefined ? "goodbye\n" : "")
    }
  }),
)
