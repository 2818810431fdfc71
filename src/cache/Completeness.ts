import { Clock, Effect } from "effect"
import { millisOf } from "../telemetry/Elapsed.ts"

/** Milliseconds for which an answer counts. A gateway that starts needs longer than that until it has made an entry; one whose folder was removed by hand may not. */
const countsFor = 250

/**
 * Whether this gateway knows of all entries, so that it need not look on the disk for one that it does not know: it has read the directory, and
 * nobody else could write there since. Where that is not certain, it is not so.
 *
 * - `is`: asks no more often than every 250 ms, and then in the background: who wants to know meanwhile is told that it is not so. Where it is
 *   wanted less often than that, nobody is asked: the answer would not count any more the next time
 * - `reading`: runs what reads the directory
 * - `doubt`: it is not so until the directory is read again. Somebody changes it who has no folder there, and may put back what was taken away
 */
export interface Completeness {
  readonly is: Effect.Effect<boolean>
  readonly reading: <E>(reading: Effect.Effect<void, E>) => Effect.Effect<void, E>
  readonly doubt: () => void
}

/** @param unshared as in `ScratchFolder` */
export const makeCompleteness = Effect.fnUntraced(function* (unshared: Effect.Effect<string | undefined>) {
  const scope = yield* Effect.scope
  /** While nobody came who writes there, and nobody left: what `unshared` said before the directory was read. */
  let read: string | undefined
  let answer = { at: Number.NEGATIVE_INFINITY, isSo: false }
  let wantedAt = Number.NEGATIVE_INFINITY
  let isAsking = false
  let doubts = 0

  const ask = (now: number) => {
    isAsking = true
    return Effect.forkIn(
      Effect.onExit(unshared, (exit) =>
        Effect.sync(() => {
          isAsking = false
          answer = { at: now, isSo: exit._tag === "Success" && exit.value !== undefined && exit.value === read }
        }),
      ),
      scope,
    )
  }

  const completeness: Completeness = {
    is: Clock.clockWith((clock) => {
      if (read === undefined) return Effect.succeed(false)
      const now = millisOf(clock)
      const isSeldom = now - wantedAt >= countsFor
      wantedAt = now
      if (now - answer.at < countsFor) return Effect.succeed(answer.isSo)
      return isSeldom || isAsking ? Effect.succeed(false) : Effect.as(ask(now), false)
    }),
    reading: (reading) =>
      Effect.flatMap(unshared, (before) => {
        const doubted = doubts
        return Effect.map(reading, () => {
          read = doubts === doubted ? before : undefined
        })
      }),
    doubt: () => {
      doubts += 1
      read = undefined
    },
  }
  return completeness
})
