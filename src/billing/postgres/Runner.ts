import type { PgConnection } from "@effect/sql-pg"
import { Effect, Exit } from "effect"
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

const execute = (connection: PgConnection.PgConnection, { sql, values, want }: Statement) =>
  Effect.map(connection.query(textOf(sql), parameters(values)), ({ rows, rowCount }): unknown => {
    switch (want) {
      case "one":
        return rows[0]
      case "all":
        return rows
      case "changes":
        return rowCount
      case "nothing":
        return undefined
    }
  })

/** Runs a rule on a connection, waiting for each statement. Fails with what the rule throws or does not catch. */
export const run = <A>(connection: PgConnection.PgConnection, rule: Rule<A>): Effect.Effect<A, unknown> => {
  const go = (next: () => IteratorResult<Statement, A>): Effect.Effect<A, unknown> =>
    Effect.suspend(() => {
      let step: IteratorResult<Statement, A>
      try {
        step = next()
      } catch (error) {
        return Effect.fail(error)
      }
      if (step.done === true) return Effect.succeed(step.value)
      return Effect.flatMap(Effect.exit(execute(connection, step.value)), (exit) =>
        Exit.isSuccess(exit)
          ? go(() => rule.next(exit.value))
          : Effect.flatMap(Effect.flip(exit as Exit.Exit<never, SqlError>), (error) => go(() => rule.throw(error))),
      )
    })
  return go(() => rule.next())
}
