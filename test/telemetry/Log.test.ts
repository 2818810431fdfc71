import { assert, it } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { formatLogFmt } from "../../src/telemetry/Log.ts"

const annotations = {
  words: "GET",
  spaces: "a client's own name",
  quotes: 'say "a=b"',
  lines: "one\ntwo\ttabs",
  empty: "",
  letters: "Größe 東京 \u2028 \ud800",
  zero: 0,
  negative: -1.5,
  large: 1e21,
  none: undefined,
  nothing: null,
  yes: true,
  list: [1, "two"],
  "a label": "of somebody else",
}

/** What both make of the same lines. */
const both = Effect.fnUntraced(function* (logged: Effect.Effect<void>) {
  const lines: Array<readonly [own: string, effects: string]> = []
  const logger = Logger.make<unknown, void>((line) => {
    lines.push([formatLogFmt.log(line), Logger.formatLogFmt.log(line)])
  })
  yield* Effect.provide(logged, Logger.layer([logger]))
  return lines
})

it.effect("a line of logfmt is, word by word, the framework's", () =>
  Effect.gen(function* () {
    const cause = Cause.fail(new Error("broken"))
    const lines = yield* both(
      Effect.gen(function* () {
        for (const [label, value] of Object.entries(annotations)) {
          yield* Effect.annotateLogs(Effect.logWarning("Request"), { first: "a", [label]: value, last: 9 })
        }
        yield* Effect.logInfo('with spaces and "quotes"')
        yield* Effect.logInfo("two", "messages")
        yield* Effect.logInfo(1, { no: "text" })
        yield* Effect.logError("a cause", cause)
        yield* Effect.withLogSpan(Effect.logInfo("a span"), "took")
      }),
    )
    assert.strictEqual(lines.length, Object.keys(annotations).length + 5)
    for (const [own, effects] of lines) assert.strictEqual(own, effects)
  }),
)
