import type { Dialect } from "./Dialect.ts"
import type { Answer, OperationName, Question } from "../Operations.ts"

/** A line of a result, by column. Whole numbers are `number`s: none passes 2^53. */
export type Row = Record<string, unknown>

export type Value = string | number | null

/**
 * What a database is asked, in SQL that SQLite and PostgreSQL both take; where they differ, a function of the `Dialect`. Values stand as
 * `?`, in their order, or as `?1`, `?2` where one is needed twice. A database that writes `$1` has its runner put that, once a text.
 */
export type Sql = string | ((dialect: Dialect) => string)

/**
 * @property want the first row or undefined, all rows, how many rows were changed, or nothing
 * - `kept` the first row, which may be one that the same statement found before in the transaction: nothing but what runs alone changes it
 * - `later` nothing now: a database that is far away is not waited for, and where it throws this out the transaction fails
 */
export interface Statement {
  readonly sql: Sql
  readonly values: ReadonlyArray<Value>
  readonly want: "one" | "kept" | "all" | "changes" | "later" | "nothing"
}

/**
 * A rule of the book: yields one statement after the other, is given the result of each, and answers. What runs it brings the database, and
 * may wait for it in between; what the database throws is thrown where the statement was yielded.
 */
export type Rule<A> = Generator<Statement, A, unknown>

export function* one(sql: Sql, ...values: ReadonlyArray<Value>): Rule<Row | undefined> {
  return (yield { sql, values, want: "one" }) as Row | undefined
}

/** As `one`, of what stays as it is for a transaction. */
export function* kept(sql: Sql, ...values: ReadonlyArray<Value>): Rule<Row | undefined> {
  return (yield { sql, values, want: "kept" }) as Row | undefined
}

export function* all(sql: Sql, ...values: ReadonlyArray<Value>): Rule<ReadonlyArray<Row>> {
  return (yield { sql, values, want: "all" }) as ReadonlyArray<Row>
}

/** Answers with the number of rows changed. */
export function* change(sql: Sql, ...values: ReadonlyArray<Value>): Rule<number> {
  return (yield { sql, values, want: "changes" }) as number
}

/** Changes something that the rule has no more to do with. */
export function* write(sql: Sql, ...values: ReadonlyArray<Value>): Rule<void> {
  yield { sql, values, want: "later" }
}

/** What takes no values: where a transaction begins and ends. */
export function* command(sql: Sql): Rule<void> {
  yield { sql, values: [], want: "nothing" }
}

/** A rule for each of these operations. */
export type Rules<Names extends OperationName = OperationName> = {
  readonly [K in Names]: (input: Question<K>) => Rule<Answer<K>>
}
