import type { PgConnection } from "@effect/sql-pg"
import { Effect, Exit, Fiber } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { parameters } from "../../database/Database.ts"
import type { Rule, Sql, Statement } from "../book/Statement.ts"
import { postgresDialect } from "./PostgresDialect.ts"

const written = new Map<string, string>()

/** `?` and `?1` as PostgreSQL writes them. No text of the book has a question mark otherwise. */
const numbered = (text: string): string => {
  const known = written.get(text)
  if (known !== undefined) return known
  let count = 0
  const made = text.replace(/\?(\d*)/g, (_, number: string) => `$${number === "" ? ++count : number}`)
  written.set(text, made)
  return made
}

const textOf = (sql: Sql): string => numbered(typeof sql === "string" ? sql : sql(postgresDialect))

/** Statements of a transaction that nobody has waited for yet, and rows that stay as they are for as long as it. */
export interface Transaction {
  readonly later: Array<Fiber.Fiber<unknown, SqlError>>
  readonly kept: Map<string, Fiber.Fiber<unknown, SqlError>>
}

const ask = (connection: PgConnection.PgConnection, { sql, values, want }: Statement) =>
  Effect.map(connection.query(textOf(sql), parameters(values)), ({ rows, rowCount }): unknown => {
    switch (want) {
      case "one":
      case "kept":
        return rows[0]
      case "all":
        return rows
      case "changes":
        return rowCount
      case "later":
      case "nothing":
        return undefined
    }
  })

/** Sent before anything else is, so that statements keep their order; whoever asked first may end before the others that wait for it. */
const sendNow = Effect.forkDetach({ startImmediately: true })

const execute = (connection: PgConnection.PgConnection, statement: Statement, within: Transaction | undefined) => {
  if (within === undefined) return ask(connection, statement)
  if (statement.want === "later")
    return Effect.map(sendNow(ask(connection, statement)), (sent) => void within.later.push(sent))
  if (statement.want !== "kept") return ask(connection, statement)
  const name = JSON.stringify([textOf(statement.sql), ...statement.values])
  const known = within.kept.get(name)
  if (known !== undefined) return Fiber.join(known)
  return Effect.flatMap(sendNow(ask(connection, statement)), (sent) => {
    within.kept.set(name, sent)
    return Fiber.join(sent)
  })
}

/**
 * Runs a rule on a connection, waiting for each statement that it wants something of. Fails with what the rule throws or does not catch.
 *
 * @param within without it all statements are waited for, and each is asked anew
 */
export const run = <A>(
  connection: PgConnection.PgConnection,
  rule: Rule<A>,
  within?: Transaction,
): Effect.Effect<A, unknown> => {
  const go = (next: () => IteratorResult<Statement, A>): Effect.Effect<A, unknown> =>
    Effect.suspend(() => {
      let step: IteratorResult<Statement, A>
      try {
        step = next()
      } catch (error) {
        return Effect.fail(error)
      }
      if (step.done === true) return Effect.succeed(step.value)
      return Effect.flatMap(Effect.exit(execute(connection, step.value, within)), (exit) =>
        Exit.isSuccess(exit)
          ? go(() => rule.next(exit.value))
          : Effect.flatMap(Effect.flip(exit as Exit.Exit<never, SqlError>), (error) => go(() => rule.throw(error))),
      )
    })
  return go(() => rule.next())
}
