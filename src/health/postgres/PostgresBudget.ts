import { Cause, Clock, Duration, Effect, Exit, Layer, Option } from "effect"
import { SqlError } from "effect/sql/SqlError"
import { Database, type Query, type Row } from "../../database/Database.ts"
import { saidBy } from "../../database/DatabaseError.ts"
import { Settings } from "../../Settings.ts"
import { elapsedMillis } from "../../telemetry/Elapsed.ts"
import type { EngineId } from "../EngineId.ts"
import { BudgetSpent, HealthError, JournalFailed, RestartFailed, RestartUnderWay } from "../HealthError.ts"
import { RestartBudget, rulesOut } from "../RestartBudget.ts"

/**
 * Milliseconds.
 *
 * - `begin`: within which a restart must begin after its turn was taken. A gateway that was frozen in between has lost the turn
 * - `grace`: how much longer than it may take a restart counts as under way
 * - `fresh`: how old the word that the turn is still one's own may be when the restart begins
 */
const usual = { begin: 5_000, grace: 10_000, fresh: 1_000 }

const now = "SELECT now_millis() AS now"
const counting =
  "SELECT * FROM restarts WHERE engine = $1 AND returned_at IS NULL AND restored_at IS NULL AND claimed_at > $2 ORDER BY number"

const failed = (error: SqlError) =>
  new HealthError({
    reason: new JournalFailed({
      message: `The restarts in the database cannot be read or written: ${saidBy(error).message}`,
    }),
  })

type Moment = number | null

/** Until when the restart takes a permit, by the database's clock; undefined where it never began and no longer can. */
const takenUntil = (
  row: Row,
  at: number,
  { unended, window }: { readonly unended: number; readonly window: number },
) => {
  const [began, ended, lease] = [row["began_at"] as Moment, row["ended_at"] as Moment, row["lease_until"] as number]
  if (ended !== null) return ended + window
  if (began !== null) return began + unended + window
  return lease < at ? undefined : at + unended + window
}

/** What is left of each engine's restarts. */
const makeCount = Effect.fnUntraced(function* (times: typeof usual) {
  const { restartLimit: limit, restartWindow, restartTimeout } = yield* Settings
  const database = yield* Database
  const windowMillis = Duration.toMillis(restartWindow)
  const unended = Duration.toMillis(restartTimeout)
  const rules = { unended, window: windowMillis }

  const look = Effect.fnUntraced(function* (query: Query, engine: EngineId) {
    const [clock] = yield* query(now)
    const at = clock!["now"] as number
    const rows = yield* query(counting, engine, at - windowMillis - unended - times.begin - times.grace)
    const taken = rows.flatMap((row) => takenUntil(row, at, rules) ?? []).filter((until) => until > at)
    const isUnderWay = rows.some((row) => row["ended_at"] === null && (row["lease_until"] as number) >= at)
    const ends = rows.flatMap((row) =>
      row["began_at"] === null ? [] : (takenUntil(row, at, rules) ?? 0) - windowMillis,
    )
    return { at, taken: taken.toSorted((a, b) => a - b), isUnderWay, ends }
  })

  /** Whole, by this gateway's clock. */
  const seen = (engine: EngineId) =>
    Effect.gen(function* () {
      const { at, taken, ends } = yield* look(database.query, engine)
      const ahead = at - (yield* Clock.currentTimeMillis)
      const here = (time: number | undefined) => (time === undefined ? undefined : time - ahead)
      const left = Math.max(0, limit - taken.length)
      return {
        status: {
          limit,
          left,
          windowMillis,
          availableAtMillis: left > 0 ? undefined : here(taken[taken.length - limit]),
        },
        last: ends.length === 0 ? undefined : here(Math.max(...ends)),
      }
    })

  return { limit, windowMillis, unended, look, seen }
})

/** Turns to restart an engine, by their numbers. */
const makeTurns = Effect.fnUntraced(function* (
  times: typeof usual,
  { limit, look, unended }: Effect.Success<ReturnType<typeof makeCount>>,
) {
  const database = yield* Database

  /** The number of the turn; the window is counted in the same transaction. */
  const claim = (engine: EngineId, reason: string) =>
    database.serialised((query) =>
      Effect.gen(function* () {
        const { at, taken, isUnderWay } = yield* look(query, engine)
        if (isUnderWay) return { _tag: "underWay" } as const
        if (taken.length >= limit) return { _tag: "spent" } as const
        const [row] = yield* query(
          "INSERT INTO restarts (engine, gateway, reason, claimed_at, lease_until) VALUES ($1, $2, $3, $4, $5) RETURNING number",
          ...[engine, database.gateway, reason, at, at + times.begin],
        )
        return { _tag: "claimed", number: row!["number"] as number } as const
      }),
    )

  /** Whether number's turn is still the newest and not over; from now on its restart is under way. */
  const begin = (engine: EngineId, number: number) =>
    database.serialised((query) =>
      query(
        `UPDATE restarts SET began_at = coalesce(began_at, now_millis()), lease_until = now_millis() + $3
         WHERE number = $2 AND lease_until >= now_millis() AND ended_at IS NULL AND returned_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM restarts newer WHERE newer.engine = $1 AND newer.number > $2 AND newer.returned_at IS NULL)
         RETURNING number`,
        ...[engine, number, unended + times.grace],
      ),
    )

  /** The last word before the restart: a process that stood still since it asked asks again. */
  const begun = Effect.fnUntraced(function* (engine: EngineId, number: number) {
    for (;;) {
      const askedAt = yield* elapsedMillis
      const rows = yield* Effect.mapError(begin(engine, number), failed)
      if (rows.length === 0) {
        const message = `turn ${number} to restart it is over: this gateway stood still, and another may have had its turn since`
        yield* Effect.logWarning(`A restart of ${engine} was not begun: ${message}`)
        return yield* new HealthError({ reason: new RestartFailed({ message, attempted: false }) })
      }
      if ((yield* elapsedMillis) - askedAt < times.fresh) return
    }
  })

  const note = (engine: EngineId, column: "ended_at" | "returned_at", number: number) =>
    database.query(`UPDATE restarts SET ${column} = now_millis() WHERE number = $1 AND ${column} IS NULL`, number).pipe(
      Effect.retry({ times: 3 }),
      Effect.catch((error) =>
        Effect.logError(`The end of a restart of ${engine} could not be written`, saidBy(error).message),
      ),
    )

  return { claim, begun, note }
})

const make = Effect.fnUntraced(function* (times: typeof usual) {
  const database = yield* Database
  const count = yield* makeCount(times)
  const { limit, seen, windowMillis } = count
  const { begun, claim, note } = yield* makeTurns(times, count)

  return RestartBudget.of({
    use: (engine, reason, restart) =>
      Effect.uninterruptibleMask((interruptible) =>
        Effect.gen(function* () {
          const claimed = yield* Effect.mapError(claim(engine, reason.slice(0, 500)), failed)
          if (claimed._tag === "underWay") return yield* new HealthError({ reason: new RestartUnderWay({ engine }) })
          if (claimed._tag === "spent") {
            const { status } = yield* Effect.mapError(seen(engine), failed)
            const availableAtMillis = status.availableAtMillis ?? (yield* Clock.currentTimeMillis)
            return yield* new HealthError({
              reason: new BudgetSpent({ engine, limit, windowMillis, availableAtMillis }),
            })
          }
          const { number } = claimed
          const exit = yield* Effect.exit(interruptible(Effect.andThen(begun(engine, number), restart)))
          yield* note(engine, isRuledOut(exit) ? "returned_at" : "ended_at", number)
          return yield* exit
        }),
      ),
    awaitPermit: Effect.fn("PostgresBudget.awaitPermit")(function* (engine) {
      for (;;) {
        const found = yield* Effect.option(seen(engine))
        const { left, availableAtMillis } = Option.isSome(found)
          ? found.value.status
          : { left: 0, availableAtMillis: undefined }
        if (left > 0) return
        const at = yield* Clock.currentTimeMillis
        // An operator may give the budget back at another gateway.
        yield* Effect.sleep(Math.min(5_000, Math.max(1_000, (availableAtMillis ?? at) - at)))
      }
    }),
    lastRestart: (engine) =>
      seen(engine).pipe(
        Effect.map(({ last }) => last),
        Effect.orElseSucceed(() => undefined),
      ),
    restore: Effect.fn("PostgresBudget.restore")(function* (engine, reason) {
      yield* Effect.mapError(
        database.query(
          "UPDATE restarts SET restored_at = now_millis() WHERE engine = $1 AND restored_at IS NULL AND (ended_at IS NOT NULL OR lease_until < now_millis())",
          engine,
        ),
        failed,
      )
      yield* Effect.logWarning(`the restart budget of ${engine} was restored by hand: ${reason}`)
    }),
    status: (engine) =>
      seen(engine).pipe(
        Effect.map(({ status }) => status),
        Effect.orElseSucceed(() => ({ limit, left: 0, windowMillis, availableAtMillis: undefined })),
      ),
  })
})

const isRuledOut = <A>(exit: Exit.Exit<A, HealthError>): boolean =>
  Exit.isFailure(exit) &&
  Option.exists(Cause.findErrorOption(exit.cause), (error) => rulesOut(error) || error.reason._tag === "JournalFailed")

export const layerAt = (times: Partial<typeof usual> = {}) => Layer.effect(RestartBudget, make({ ...usual, ...times }))

/** The budget of all gateways on a database: a restart's turn has a number, and only the newest may begin. */
export const layer = layerAt()
