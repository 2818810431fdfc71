import { Cause, Effect, Exit, Stream } from "effect"
import { CacheError, FlightOverflow, FlightStopped } from "./CacheError.ts"
import { makeChanges } from "./Changes.ts"
import type { EntryWriter } from "./Entry.ts"
import { sliceBytes } from "./Slice.ts"

/** What stays in memory behind the end of the tape though it is on disk: listeners who keep up never wait for a read. */
const windowBytes = 262_144

type Bytes = readonly [Uint8Array, ...Array<Uint8Array>]

/**
 * The end of a tape, which is in memory: `[start, end)` of its bytes.
 *
 * - `after`: what follows `from`, which has to be in memory: a slice at most, uncopied, so that whoever writes it can write it at once
 * - `unspooled`: whole chunks from `spooled`, a slice or little more
 * - `dropTo`: lets go of what is on disk and behind the window
 *
 * Functions in the place of getters: see `makeFlight`.
 */
const makeTapeWindow = () => {
  const chunks: Array<{ readonly at: number; readonly bytes: Uint8Array }> = []
  let start = 0
  let end = 0
  return {
    start: () => start,
    end: () => end,
    append: (bytes: Uint8Array): void => {
      chunks.push({ at: end, bytes })
      end += bytes.length
    },
    after: (from: number): Bytes => {
      let low = 0
      for (let high = chunks.length - 1; low < high;) {
        const middle = (low + high + 1) >> 1
        if (chunks[middle]!.at <= from) low = middle
        else high = middle - 1
      }
      const { at, bytes } = chunks[low]!
      const first = bytes.subarray(from - at, from - at + sliceBytes)
      let size = first.length
      const all: [Uint8Array, ...Array<Uint8Array>] = [first]
      for (
        let next = chunks[low + 1];
        next !== undefined && size + next.bytes.length <= sliceBytes;
        next = chunks[++low + 1]
      ) {
        all.push(next.bytes)
        size += next.bytes.length
      }
      return all
    },
    all: (): ReadonlyArray<Uint8Array> => chunks.map(({ bytes }) => bytes),
    unspooled: (spooled: number): Uint8Array => {
      const batch: Array<Uint8Array> = []
      let size = 0
      for (const { at, bytes } of chunks) {
        if (at < spooled) continue
        batch.push(bytes)
        size += bytes.length
        if (size >= sliceBytes) break
      }
      return batch.length === 1 ? batch[0]! : Buffer.concat(batch)
    },
    dropTo: (spooled: number): void => {
      while (chunks.length > 0) {
        const next = chunks[0]!.at + chunks[0]!.bytes.length
        if (next > spooled || end - next < windowBytes) return
        chunks.shift()
        start = next
      }
    },
  }
}

/** What the disk may be behind before the engine has to wait for it. */
const behindBytes = 1_048_576

/**
 * The bytes of one flight: made once, read by many, each at its own pace from byte 0. Whatever is new is in memory, where
 * listeners get it without waiting for the disk; `spool` moves it to the disk behind them. So memory is bounded by the
 * window, not by listeners or length. Should the disk fail, what is not on it stays in memory, up to `makeTape`'s `limit` bytes.
 *
 * - `length`: bytes so far
 * - `failure`: fails if the tape has
 * - `append`: the pieces are shared with every listener: neither side may alter them afterwards
 * - `room`: waits while the disk is too far behind, to be run before more is appended; `spool` has to be under way by then
 * - `window`: what is in memory, which is all as long as nothing is spooled
 * - `next`: the bytes after `from`, once there are any: all in memory, up to a slice. Done or failed as the tape is
 * - `spool`: moves what is appended to `writer`, until told `finished` and all is moved. Ends early, with the tape intact, if the disk fails
 * - `wake`: has `finished` asked again
 * - `begun`: the first bytes are there, or the tape is closed
 * - `giveUpDisk`: no more of it goes to the disk
 */
export interface Tape<E> {
  readonly length: () => number
  readonly failure: Effect.Effect<void, E | CacheError>
  readonly append: (pieces: ReadonlyArray<Uint8Array>) => void
  readonly room: Effect.Effect<void, CacheError>
  readonly window: () => ReadonlyArray<Uint8Array>
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
    if (from >= window.start()) return Effect.succeed(window.after(from))
    if (disk === undefined) return Effect.fail(CacheError.broken("the tape has lost its beginning"))
    return Effect.flatMap(disk.read(from, Math.min(sliceBytes, spooled - from)), (bytes) =>
      bytes.length > 0 ? Effect.succeed([bytes] as const) : CacheError.broken("the temporary file was cut"),
    )
  }

  const next: Tape<E>["next"] = (from) =>
    Effect.suspend(() => {
      if (closed !== undefined && Exit.isFailure(closed)) return Effect.failCause(closed.cause)
      if (from < window.end()) return read(from)
      if (closed !== undefined) return Cause.done()
      return Effect.andThen(
        until(() => from < window.end() || closed !== undefined),
        next(from),
      )
    })

  /** Has `writer` take some of what is not on the disk yet. */
  const moved = (writer: EntryWriter) => {
    const bytes = window.unspooled(spooled)
    return Effect.map(writer.append(bytes), () => {
      spooled += bytes.length
      window.dropTo(spooled)
      happened()
    })
  }

  const change = (alter: () => void) =>
    Effect.sync(() => {
      alter()
      happened()
    })

  return {
    length: window.end,
    failure: Effect.suspend(() => closed ?? Exit.void),
    append: (pieces) => {
      for (const bytes of pieces) if (bytes.length > 0) window.append(bytes)
      happened()
    },
    room: Effect.suspend(() => {
      if (spooling && window.end() - spooled <= behindBytes) return Effect.void
      return Effect.flatMap(
        until(() => !spooling || window.end() - spooled <= behindBytes),
        () => (!spooling && window.end() - window.start() > limit ? overflow() : Effect.void),
      )
    }),
    next,
    window: () => window.all(),
    spool: (writer, finished) => {
      disk = writer
      const more: Effect.Effect<void, CacheError> = Effect.flatMap(
        until(() => spooled < window.end() || finished()),
        () => (spooled === window.end() ? Effect.void : Effect.andThen(moved(writer), more)),
      )
      return more
    },
    wake: Effect.sync(happened),
    begun: until(() => window.end() > 0 || closed !== undefined),
    giveUpDisk: change(() => (spooling = false)),
    close: (exit) => change(() => (closed ??= exit)),
  }
}

const stopped = Exit.fail(new CacheError({ reason: new FlightStopped() }))

/** A cause without interruptions, which a listener would take for its own. */
export const asListenersSeeIt = <E>(exit: Exit.Exit<unknown, E>): Exit.Exit<void, E | CacheError> => {
  if (Exit.isSuccess(exit)) return Exit.void
  const reasons = exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
  return reasons.length === 0 ? stopped : Exit.failCause(Cause.fromReasons(reasons))
}

/** All of a tape, from its beginning, for each who runs it. */
export const bytesOf = <E>(tape: Tape<E>) =>
  Stream.fromPull(
    Effect.sync(() => {
      let at = 0
      return Effect.map(
        Effect.suspend(() => tape.next(at)),
        (chunks) => {
          for (const bytes of chunks) at += bytes.length
          return chunks
        },
      )
    }),
  )
