import { Duration, Effect, Latch, Schema, type Scope } from "effect"
import { write as writeToDescriptor } from "node:fs"
import * as Metrics from "./Metrics.ts"

/** Characters of lines that may wait while none can be written. */
const waitingCharacters = 1_048_576

/** How long until another try: a full pipe is soon emptied, a full disk or a reader that has gone is not. */
const againSoon = Duration.millis(20)
const againLater = Duration.seconds(1)

/** How long lines gather after some were written: each write goes through another thread, and every request has a line. */
const gathering = Duration.millis(50)

/** How long the last lines may take when the gateway stops. */
const lastLines = Duration.seconds(1)

/** Nothing was written; `code` is the system's word for why, such as `EPIPE` or `ENOSPC`. */
export class LogUnwritable extends Schema.TaggedError<LogUnwritable>()("LogUnwritable", { code: Schema.String }) {}

/** Writes some of `bytes`, from `at` on; answers how many. */
type Write = (bytes: Uint8Array, at: number) => Effect.Effect<number, LogUnwritable>

/** Where lines go. `line` never waits and never fails. */
export interface LogOutput {
  readonly line: (text: string) => void
}

/**
 * Standard output. Not through `process.stdout`: its first failed write is its last, an error that nobody hears ends the
 * process, and a reader that does not read holds up the event loop.
 */
const toStandardOutput: Write = (bytes, at) =>
  Effect.callback((resume) => {
    writeToDescriptor(1, bytes, at, bytes.length - at, null, (error, written) =>
      resume(
        error === null
          ? Effect.succeed(written)
          : Effect.fail(new LogUnwritable({ code: error.code ?? error.message })),
      ),
    )
  })

/**
 * Writes lines in their order: one at once, those that follow it closely together. While they are not taken, the first ones wait and the rest is dropped and
 * counted, so that neither a full disk nor a reader that has gone stops the gateway or grows its memory.
 *
 * @param onResumed run when lines can be written again after some were dropped
 */
export const makeLogOutput = Effect.fnUntraced(function* (
  onResumed: (dropped: number, code: string) => Effect.Effect<void>,
  write: Write = toStandardOutput,
): Effect.fn.Return<LogOutput, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const some = yield* Latch.make(false)
  const none = yield* Latch.make(true)
  let waiting: Array<string> = []
  let characters = 0
  let dropped = 0
  let trouble = "EAGAIN"

  const line = (text: string) => {
    if (characters + text.length > waitingCharacters) {
      dropped += 1
      Metrics.logDropped.updateUnsafe(1, context)
      return
    }
    waiting.push(`${text}\n`)
    characters += text.length
    none.closeUnsafe()
    some.openUnsafe()
  }

  const writeSome = (bytes: Uint8Array, at: number): Effect.Effect<number> =>
    Effect.catch(write(bytes, at), ({ code }) => {
      if (code !== "EAGAIN") trouble = code
      return Effect.delay(
        Effect.suspend(() => writeSome(bytes, at)),
        code === "EAGAIN" ? againSoon : againLater,
      )
    })

  const writeWaiting = Effect.gen(function* () {
    yield* some.await
    some.closeUnsafe()
    const lines = waiting
    const before = characters
    waiting = []
    const bytes = Buffer.from(lines.join(""))
    for (let at = 0; at < bytes.length;) at += yield* writeSome(bytes, at)
    characters -= before
    const lost = dropped
    dropped = 0
    if (lost > 0) yield* onResumed(lost, trouble)
    if (waiting.length === 0) none.openUnsafe()
    yield* Effect.sleep(gathering)
  })

  yield* Effect.forkScoped(Effect.forever(writeWaiting))
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(none.await, lastLines)))

  return { line }
})
