import type { PgConnection } from "@effect/sql-pg"
import { Clock, Effect, Fiber } from "effect"
import { SqlError } from "effect/sql/SqlError"
import { isBroken, isCollision, isLocked, saidBy } from "../../database/DatabaseError.ts"
import { queryOn } from "../../database/Database.ts"
import { answerTo } from "../book/Book.ts"
import type { Answered, Asked, Question } from "../Operations.ts"
import { byAccount, concernedBy } from "./Concerned.ts"
import { run, type Transaction } from "./Runner.ts"

/**
 * How one try at a group went.
 *
 * - `done` it is durable
 * - `known` an earlier try was made after all, though nobody was told
 * - `collided` others were in the way: nothing was done, and it may be tried again
 * - `broken` the connection is gone. With `answers`, it may have been committed
 * - `thrown` the database threw something out: nothing was done
 *
 * Where the connection could not be rolled back it is not `usable`: it is dead, or in the middle of a transaction.
 */
export type Attempt =
  | { readonly _tag: "done"; readonly answers: ReadonlyArray<Answered>; readonly aheadMillis: number }
  | { readonly _tag: "known" }
  | { readonly _tag: "collided"; readonly error: SqlError; readonly usable: boolean }
  | { readonly _tag: "broken"; readonly error: string; readonly answers: ReadonlyArray<Answered> | undefined }
  | { readonly _tag: "thrown"; readonly error: unknown; readonly usable: boolean }

const lockAll = "LOCK TABLE accounts IN EXCLUSIVE MODE"

const accountsOfHolds = `SELECT id AS hold, account_id AS account FROM holds WHERE id IN (SELECT json_array_elements_text($1::json))
  UNION ALL SELECT claimant, account_id FROM claims JOIN holds ON id = hold_id WHERE claimant IN (SELECT json_array_elements_text($1::json))`

/** In the order of their names, whoever locks them. */
const lockAccounts = `SELECT id FROM accounts WHERE id IN (
    SELECT json_array_elements_text($2::json) UNION SELECT account FROM (${accountsOfHolds}) AS known
  ) ORDER BY id FOR NO KEY UPDATE`

/**
 * The time, once all locks are had. `within` says that this is the transaction's own: statements that are sent at once keep their order,
 * but nothing must be done where they did not.
 */
const clock = `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now, pg_current_xact_id_if_assigned() IS NOT NULL AS within`

const forgetGroups = "DELETE FROM done_groups WHERE at < now() - INTERVAL '1 hour'"

/** The same as asked at `now` of another clock. What is told in absolute times stays. */
export const askedAt = (asked: Asked, now: number): Asked => {
  const input = asked.input as Partial<Question<"reserve"> & Question<"publishRates">>
  if (input.now === undefined) return asked
  const moved: Record<string, unknown> = { ...input, now }
  // Of a key it is the time that an operator said.
  if (input.expiresAt !== undefined && asked.name !== "addKey") moved["expiresAt"] = now + input.expiresAt - input.now
  if (asked.name === "publishRates" && input.validFrom === input.now) moved["validFrom"] = now
  return { name: asked.name, input: moved }
}

const commit = Effect.fnUntraced(function* (
  connection: PgConnection.PgConnection,
  answers: ReadonlyArray<Answered>,
  aheadMillis: number,
) {
  const committed = yield* Effect.result(connection.query("COMMIT"))
  if (committed._tag === "Success") {
    if (committed.success.command === "COMMIT") return { _tag: "done", answers, aheadMillis } as const
    return { _tag: "thrown", error: "the transaction was rolled back", usable: true } as const
  }
  if (isBroken(committed.failure)) return { _tag: "broken", error: saidBy(committed.failure).message, answers } as const
  return yield* committed.failure
})

/**
 * Tries to do what is asked in one durable transaction, on a connection that nobody else uses meanwhile. The group's `id` is written with
 * it: asked again with the same, it is done once.
 *
 * @param byClock whether the database's clock says when, rather than whoever asks
 * @param committing told the answers just before they are made durable
 */
export const attempt = (
  connection: PgConnection.PgConnection,
  id: string,
  asked: ReadonlyArray<Asked>,
  byClock: boolean,
  committing: (answers: ReadonlyArray<Answered>) => void,
): Effect.Effect<Attempt> => {
  const query = queryOn(connection)
  const concerned = concernedBy(asked)
  const holds = JSON.stringify(concerned.holds)

  // In one round trip.
  const begin = Effect.all(
    [
      query("BEGIN"),
      query("INSERT INTO done_groups (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1", id),
      concerned.all ? query(lockAll) : query(lockAccounts, holds, JSON.stringify(concerned.accounts)),
      concerned.all || concerned.holds.length === 0 ? Effect.succeed([]) : query(accountsOfHolds, holds),
      query(clock),
    ],
    { concurrency: "unbounded" },
  )

  const answerAll = Effect.fnUntraced(function* (now: number, accounts: ReadonlyMap<string, string>) {
    const answers: Array<Answered> = []
    // Prices are changed by a group that has all accounts to itself.
    const within: Transaction | undefined = concerned.all ? undefined : { later: [], kept: new Map() }
    const inOrder = (chain: ReadonlyArray<readonly [number, Asked]>) =>
      Effect.forEach(
        chain,
        ([index, one]) =>
          Effect.map(run(connection, answerTo(byClock ? askedAt(one, now) : one), within), (answer) => {
            answers[index] = answer
          }),
        { discard: true },
      )
    const chains = concerned.all ? [asked.map((one, index) => [index, one] as const)] : byAccount(asked, accounts)
    const ends = yield* Effect.forEach(chains, (chain) => Effect.result(inOrder(chain)), { concurrency: "unbounded" })
    const later = yield* Effect.forEach(within?.later ?? [], (sent) => Effect.result(Fiber.join(sent)))
    // After one has failed, the others are told no more than that.
    const errors = [...ends, ...later].flatMap((end) => (end._tag === "Failure" ? [end.failure] : []))
    const [error] = [...errors.filter((one) => !isAftermath(one)), ...errors]
    if (error !== undefined) return yield* Effect.fail(error)
    if (asked.some(({ name }) => name === "reap")) yield* query(forgetGroups)
    return answers
  })

  const transact = Effect.gen(function* () {
    const [, written, , known, [time]] = yield* begin
    if (written.length === 0) {
      yield* query("ROLLBACK")
      return { _tag: "known" } as const
    }
    if (time?.["within"] !== true) return yield* Effect.die("a transaction's statements came out of order")
    const now = time["now"] as number
    const aheadMillis = now - (yield* Clock.currentTimeMillis)
    const answers = yield* answerAll(
      now,
      new Map(known.map((row) => [row["hold"] as string, row["account"] as string])),
    )
    committing(answers)
    return yield* commit(connection, answers, aheadMillis)
  })

  return Effect.catch(transact, (error) => {
    if (error instanceof SqlError && isBroken(error))
      return Effect.succeed<Attempt>({ _tag: "broken", error: saidBy(error).message, answers: undefined })
    return Effect.map(Effect.isSuccess(query("ROLLBACK")), (usable): Attempt =>
      error instanceof SqlError && (isCollision(error) || isLocked(error))
        ? { _tag: "collided", error, usable }
        : { _tag: "thrown", error, usable },
    )
  })
}

const isAftermath = (error: unknown) => error instanceof SqlError && saidBy(error).code === "25P02"
