import { Cause, Effect, Exit } from "effect"
import { CacheError, FlightOverflow } from "./CacheError.ts"
import { makeChanges } from "./Changes.ts"
import type { EntryWriter } from "./Entry.ts"
import { sliceBytes } from "./Slice.ts"
import { type Bytes, makeTapeWindow } from "./TapeWindow.ts"

/** What the disk may be behind before the engine has to wait for it. */
const behindBytes = 1_048_576

/**
 * The bytes of one flight: made once, read by many, each at its own pace from byte 0. Whatever is new is in memory, where
 * listeners get it without waiting for the disk; `spool` moves it to the disk behind them. So memory is bounded by the
 * window, not by listeners or length. Should the disk fail, what is not on it stays in memory, up to `makeTape`'s `limit` bytes.
 *
 * - `length`: bytes so far
 * - `failure`: fails if the tape has
 * - `append`: waits while the disk is too far behind. The bytes are shared with every listener: neither side may alter them afterwards
 * - `next`: the bytes after `from`, once there are any: all in memory, up to a slice. Done or failed as the tape is
 * - `spool`: moves what is appended to `writer`, until told `finished` and all is moved. Ends early, with the tape intact, if the disk fails
 * - `wake`: has `finished` asked again
 * - `begun`: the first bytes are there, or the tape is closed
 * - `giveUpDisk`: no more of it goes to the disk
 */
export interface Tape<E> {
  readonly length: number
  readonly failure: Effect.Effect<void, E | CacheError>
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, CacheError>
  readonly next: (from: number) => Effect.Effect<Bytes, E | CacheError | Cause.Done>
  readonly spool: (writer: EntryWriter, finished: () => boolean) => Effect.Effect<void, CacheError>
  readonly wake: Effect.Effect<void>
  readonly begun: Effect.Effect<void>
  readonly giveUpDisk: Effect.Effect<void>
  readonly close: (exit: Exit.Exit<void, E | CacheError>) => Effect.Effect<void>
}

export const makeTape = <E>(limit: number): Tape<E> => {
  const { happened, until } = makeChanges()
  /** What is in memory; `[0, spooled)` is on disk, and the window never starts after `spooled`. */
  const window = makeTapeWindow()
  let spooled = 0
  let disk: EntryWriter | undefined
  let spooling = true
  let closed: Exit.Exit<void, E | CacheError> | undefined

  const overflow = () => Effect.fail(new CacheError({ reason: new FlightOverflow({ limit }) }))

  /** The next bytes from `from`, of which there are some. */
  const read = (from: number): Effect.Effect<Bytes, CacheError> => {
    if (from >= window.start) return Effect.sync(() => window.after(from))
    if (disk === undefined) return Effect.fail(CacheError.broken("the tape has lost its beginning"))
    return Effect.flatMap(disk.read(from, Math.min(sliceBytes, spooled - from)), (bytes) =>
      bytes.length > 0 ? Effect.succeed([bytes] as const) : CacheError.broken("the temporary file was cut"),
    )
  }

  const next: Tape<E>["next"] = (from) =>
    Effect.suspend(() => {
      if (closed !== undefined && Exit.isFailure(closed)) return Effect.failCause(closed.cause)
      if (from < window.end) return read(from)
      if (closed !== undefined) return Cause.done()
      return Effect.andThen(
        until(() => from < window.end || closed !== undefined),
        next(from),
      )
    })

  const change = (alter: () => void) =>
    Effect.sync(() => {
      alter()
      happened()
    })

  return {
    get length() {
      return window.end
    },
    failure: Effect.suspend(() => closed ?? Exit.void),
    append: (bytes) =>
      Effect.suspend(() => {
        if (bytes.length === 0) return Effect.void
        window.append(bytes)
        happened()
        if (spooling && window.end - spooled <= behindBytes) return Effect.void
        return Effect.flatMap(
          until(() => !spooling || window.end - spooled <= behindBytes),
          () => (!spooling && window.end - window.start > limit ? overflow() : Effect.void),
        )
      }),
    next,
    spool: Effect.fnUntraced(function* (writer, finished) {
      disk = writer
      while (true) {
        yield* until(() => spooled < window.end || finished())
        if (spooled === window.end) return
        const bytes = window.unspooled(spooled)
        yield* writer.append(bytes)
        spooled += bytes.length
        window.dropTo(spooled)
        happened()
      }
    }),
    wake: Effect.sync(happened),
    begun: until(() => window.end > 0 || closed !== undefined),
    giveUpDisk: change(() => (spooling = false)),
    close: (exit) => change(() => (closed ??= exit)),
  }
}
