import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { Rule, Statement } from "../book/Statement.ts"
import { sqliteDialect } from "./SqliteDialect.ts"

/** Runs rules on one connection, without a wait. Each text is prepared once, when it is first used. */
export class Runner {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  run<A>(rule: Rule<A>): A {
    let step = rule.next()
    while (step.done !== true) {
      let result: unknown
      try {
        result = this.execute(step.value)
      } catch (error) {
        step = rule.throw(error)
        continue
      }
      step = rule.next(result)
    }
    return step.value
  }

  execute({ sql, values, want }: Statement): unknown {
    const text = typeof sql === "string" ? sql : sql(sqliteDialect)
    switch (want) {
      case "one":
      case "kept":
        return this.#prepare(text).get(...values)
      case "all":
        return this.#prepare(text).all(...values)
      case "changes":
        return Number(this.#prepare(text).run(...values).changes)
      case "later":
        return void this.#prepare(text).run(...values)
      case "nothing":
        // Of some errors, such as a full disk, SQLite has rolled back by itself.
        if (text === sqliteDialect.rollback && !this.#db.isTransaction) return undefined
        return this.#db.exec(text)
    }
  }

  #prepare(text: string): StatementSync {
    const known = this.#prepared.get(text)
    if (known !== undefined) return known
    const made = this.#db.prepare(text)
    this.#prepared.set(text, made)
    return made
  }
}
