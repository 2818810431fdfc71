import type { PgConnection } from "@effect/sql-pg"
import { Duration, Effect, Exit, Metric, Random, Scope } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { randomUUID } from "node:crypto"
import { Database } from "../../database/Database.ts"
import { saidBy } from "../../database/DatabaseError.ts"
import { heard, Silence } from "../../database/Silence.ts"
import { elapsedMillis } from "../../telemetry/Elapsed.ts"
import * as Metrics from "../../telemetry/Metrics.ts"
import { LedgerUnavailable } from "../BillingError.ts"
import type { Answered, Asked } from "../Operations.ts"
import { attempt, type Attempt } from "./PostgresBook.ts"
import { reasonOf } from "./PostgresDialect.ts"

/**
 * How long a group is tried while the database is away, three seconds while nothing was done and twenty while it may have been; as long as
 * the latter while others are in the way. In what `Silence` says.
 */
const patience = { clear: 1 / 5, doubtful: 4 / 3 }

const pause = "50 millis"
const mostCollisions = 20

/** One connection that is made anew where it is lost, used by one at a time. */
const makeLine = Effect.gen(function* () {
  const database = yield* Database
  const outer = yield* Effect.scope
  let open: { readonly connection: PgConnection.PgConnection; readonly scope: Scope.Closeable } | undefined
  const close = Effect.suspend(() => {
    const closing = open?.scope
    open = undefined
    return closing === undefined ? Effect.void : Scope.close(closing, Exit.void)
  })
  const connection = Effect.suspend(() => {
    if (open !== undefined) return Effect.succeed(open.connection)
    return Effect.gen(function* () {
      const scope = yield* Scope.fork(outer)
      const made = yield* Scope.provide(database.connect, scope).pipe(
        Effect.onError(() => Scope.close(scope, Exit.void)),
      )
      open = { connection: made, scope }
      return made
    })
  })
  return { connection, close }
})

const isUsable = (made: Attempt) => made._tag !== "broken" && (!("usable" in made) || made.usable)

type Try = (id: string, asked: ReadonlyArray<Asked>, silences: number) => Effect.Effect<Attempt>

/** One try, on the line as it is or on a new one. */
const makeTry = Effect.fnUntraced(function* (byClock: boolean) {
  const line = yield* makeLine
  const once: Try = (id, asked, silences) =>
    Effect.gen(function* () {
      const connection = yield* line.connection
      let answers: ReadonlyArray<Answered> | undefined
      const attempted = heard(
        attempt(connection, id, asked, byClock, (made) => (answers = made)),
        silences,
      )
      return yield* Effect.catch(attempted, (error) =>
        Effect.succeed<Attempt>({ _tag: "broken", error: saidBy(error).message, answers }),
      )
    }).pipe(
      Effect.catch((error: SqlError) =>
        Effect.succeed<Attempt>({ _tag: "broken", error: saidBy(error).message, answers: undefined }),
      ),
      Effect.tap((made) => (isUsable(made) ? Effect.void : line.close)),
    )
  return once
})

/**
 * Tries a group until it is known what became of it. It keeps its id, so a try that was committed without anybody being told is found by
 * the next; which also waits for it, where it is still under way.
 */
const makeCertain = (once: Try, noteDone: (aheadMillis: number) => Effect.Effect<void>) => {
  /** When the database was first found away, on a monotonic clock. */
  let awaySince: number | undefined
  /** Since one group's end was not heard: a disk that hangs, say. Until a group is made, the others behind it are not waited for as long. */
  let isDoubted = false

  return Effect.fnUntraced(function* (asked: ReadonlyArray<Asked>): Effect.fn.Return<Outcome> {
    const id = randomUUID()
    const began = yield* elapsedMillis
    const silenceMillis = Duration.toMillis(yield* Silence)
    let doubtful: ReadonlyArray<Answered> | undefined
    let collisions = 0
    /** What came of it, unless an earlier try may have been made: it is under way still, or its end was not heard. */
    const over = (error: unknown): Outcome => {
      if (doubtful === undefined) return { error }
      isDoubted = true
      return { answers: refuseAll(asked, "lost", `an earlier try may have been made: ${reasonOf(error).message}`) }
    }
    for (;;) {
      const made = yield* once(id, asked, isDoubted ? patience.clear : 1)
      const now = yield* elapsedMillis
      if (made._tag !== "broken") awaySince = undefined
      if (made._tag === "done" || made._tag === "known") isDoubted = false
      const clearMillis = silenceMillis * patience.clear
      const doubtfulMillis = isDoubted ? clearMillis : silenceMillis * patience.doubtful
      switch (made._tag) {
        case "done":
          yield* noteDone(made.aheadMillis)
          return { answers: made.answers }
        case "known":
          return { answers: doubtful ?? refuseAll(asked, "lost", "an earlier try was made") }
        case "thrown":
          return over(made.error)
        case "collided":
          if (++collisions > mostCollisions || now - began > doubtfulMillis) return over(made.error)
          yield* Effect.sleep((yield* Random.next) * 10 * collisions)
          break
        case "broken": {
          doubtful ??= made.answers
          awaySince ??= now
          const isOver = doubtful === undefined ? now - awaySince > clearMillis : now - began > doubtfulMillis
          const kind = doubtful === undefined ? "failed" : "lost"
          if (isOver) {
            isDoubted ||= doubtful !== undefined
            return { answers: refuseAll(asked, kind, `the database does not answer: ${made.error}`) }
          }
          yield* Effect.sleep(pause)
        }
      }
    }
  })
}

type Outcome = { readonly answers: ReadonlyArray<Answered> } | { readonly error: unknown }

/** Makes groups of changes durable, one after the other, and knows how many were and how far the database's clock is ahead of ours. */
export const makeGroupWriter = Effect.fnUntraced(function* (byClock: boolean) {
  let commits = 0
  let ahead = 0
  const noteDone = (aheadMillis: number) => {
    commits += 1
    ahead = aheadMillis
    return Metric.update(Metrics.ledgerCommits, 1)
  }
  const certain = makeCertain(yield* makeTry(byClock), noteDone)

  const write = Effect.fnUntraced(function* (
    asked: ReadonlyArray<Asked>,
  ): Effect.fn.Return<ReadonlyArray<Answered>, never> {
    const outcome = yield* certain(asked)
    if ("answers" in outcome) return outcome.answers
    const reason = reasonOf(outcome.error)
    const concernsAll = reason instanceof LedgerUnavailable && reason.kind !== "failed"
    if (asked.length === 1 || concernsAll) return asked.map(() => ({ refused: reason }))
    // One operation that the database throws out must not take the others with it.
    return (yield* Effect.forEach(asked, (one) => write([one]))).flat()
  })

  return { write, commits: () => commits, aheadMillis: () => ahead }
})

const refuseAll = (
  asked: ReadonlyArray<Asked>,
  kind: LedgerUnavailable["kind"],
  message: string,
): ReadonlyArray<Answered> => asked.map(() => ({ refused: new LedgerUnavailable({ kind, message }) }))
