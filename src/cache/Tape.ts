import { Cause, Effect, Exit } from "effect"
import type { EntryWriter } from "./Entry.ts"
import { CacheError, FlightOverflow } from "./CacheError.ts"
import { sliceBytes } from "./EntryFiles.ts"

/** What stays in memory behind the end of the tape though it is on disk: listeners who keep up never wait for a read. */
const windowBytes = 262_144

/** What the disk may be behind before the engine has to wait for it. */
const behindBytes = 1_048_576

type Bytes = readonly [Uint8Array, ...Array<Uint8Array>]

/**
 * The bytes of one flight: made once, read by many, each at its own pace from byte 0. Whatever is new is in memory, where
 * listeners get it without waiting for the disk; `spool` moves it to the disk behind them. So memory is bounded by the
 * window, not by listeners or length. Should the disk fail, what is not on it stays in memory, up to `limit` bytes.
 *
 * The bytes that `append` is given are shared with every listener: neither side may alter them afterwards.
 */
export const makeTape = <E>(limit: number) => {
  /** `[start, end)` is in memory, `[0, spooled)` on disk; `start` never passes `spooled`. */
  const chunks: Array<{ readonly at: number; readonly bytes: Uint8Array }> = []
  let start = 0
  let spooled = 0
  let end = 0
  let disk: EntryWriter | undefined
  let spooling = true
  let closed: Exit.Exit<void, E | CacheError> | undefined
  let waiting = new Set<() => void>()

  const wake = () => {
    const woken = waiting
    waiting = new Set()
    for (const resume of woken) resume()
  }

  /** Waits until `ready`, which is asked now and after every change; asking and waiting are one step, so no change is missed. */
  const until = (ready: () => boolean): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      const ask = () => (ready() ? resume(Effect.void) : void waiting.add(ask))
      ask()
      return Effect.sync(() => void waiting.delete(ask))
    })

  const drop = () => {
    while (chunks.length > 0) {
      const next = chunks[0]!.at + chunks[0]!.bytes.length
      if (next > spooled || end - next < windowBytes) return
      chunks.shift()
      start = next
    }
  }

  const overflow = () => Effect.fail(new CacheError({ reason: new FlightOverflow({ limit }) }))

  const append = (bytes: Uint8Array): Effect.Effect<void, CacheError> =>
    Effect.suspend(() => {
      if (bytes.length === 0) return Effect.void
      chunks.push({ at: end, bytes })
      end += bytes.length
      wake()
      if (spooling && end - spooled <= behindBytes) return Effect.void
      return Effect.flatMap(
        until(() => !spooling || end - spooled <= behindBytes),
        () => (!spooling && end - start > limit ? overflow() : Effect.void),
      )
    })

  /** What follows `from` in memory, a slice at most, uncopied: whoever writes it can write it at once. */
  const fromMemory = (from: number): Bytes => {
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
  }

  /** The next bytes from `from`, of which there are some. */
  const read = (from: number): Effect.Effect<Bytes, CacheError> => {
    if (from >= start) return Effect.sync(() => fromMemory(from))
    if (disk === undefined) return Effect.fail(CacheError.broken("the tape has lost its beginning"))
    return Effect.flatMap(disk.read(from, Math.min(sliceBytes, spooled - from)), (bytes) =>
      bytes.length > 0 ? Effect.succeed([bytes] as const) : CacheError.broken("the temporary file was cut"),
    )
  }

  /** The bytes after `from`, once there are any: all in memory, up to a slice. Done or failed as the tape is. */
  const next = (from: number): Effect.Effect<Bytes, E | CacheError | Cause.Done> =>
    Effect.suspend(() => {
      if (closed !== undefined && Exit.isFailure(closed)) return Effect.failCause(closed.cause)
      if (from < end) return read(from)
      if (closed !== undefined) return Cause.done()
      return Effect.andThen(
        until(() => from < end || closed !== undefined),
        next(from),
      )
    })

  /** Moves what is appended to `writer`, until told `finished` and all is moved. Ends early, with the tape intact, if the disk fails. */
  const spool = (writer: EntryWriter, finished: () => boolean): Effect.Effect<void, CacheError> =>
    Effect.gen(function* () {
      disk = writer
      while (true) {
        yield* until(() => spooled < end || finished())
        if (spooled === end) return
        const batch: Array<Uint8Array> = []
        let size = 0
        for (const { at, bytes } of chunks) {
          if (at < spooled) continue
          batch.push(bytes)
          size += bytes.length
          if (size >= sliceBytes) break
        }
        yield* writer.append(batch.length === 1 ? batch[0]! : Buffer.concat(batch))
        spooled += size
        drop()
        wake()
      }
    })

  return {
    get length() {
      return end
    },
    /** Fails if the tape has. */
    failure: Effect.suspend(() => closed ?? Exit.void),
    append,
    next,
    spool,
    wake: Effect.sync(wake),
    /** The first bytes are there, or the tape is closed. */
    begun: until(() => end > 0 || closed !== undefined),
    /** No more of it goes to the disk. */
    giveUpDisk: Effect.sync(() => {
      spooling = false
      wake()
    }),
    close: (exit: Exit.Exit<void, E | CacheError>) =>
      Effect.sync(() => {
        closed ??= exit
        wake()
      }),
  }
}
