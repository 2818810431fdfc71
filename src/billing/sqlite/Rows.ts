import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"

export type Row = Record<string, unknown>

/** Prepared statements of one connection, each made when it is first used. */
export class Rows {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  one(sql: string, ...values: Array<SQLInputValue>): Row | undefined {
    return this.#prepared(sql).get(...values)
  }

  all(sql: string, ...values: Array<SQLInputValue>): Array<Row> {
    return this.#prepared(sql).all(...values)
  }

  /** Answers with the number of rows changed. */
  run(sql: string, ...values: Array<SQLInputValue>): number {
    return Number(this.#prepared(sql).run(...values).changes)
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const made = this.#db.prepare(sql)
    this.#statements.set(sql, made)
    return made
  }
}
