import { Effect, Layer, Semaphore } from "effect"
import { DatabaseSync } from "node:sqlite"
import { agree, makeBook } from "../../src/billing/book/Book.ts"
import type { Rule } from "../../src/billing/book/Statement.ts"
import { exitOf } from "../../src/billing/GroupCommit.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import { migrate } from "../../src/billing/sqlite/Migrations.ts"
import { Runner } from "../../src/billing/sqlite/SqliteBook.ts"
import { sqliteDialect } from "../../src/billing/sqlite/SqliteDialect.ts"

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Runs rules as on a database that has to be waited for: each statement is made, and each result comes, in a later turn of the event loop. */
const runLater = async <A>(statements: Runner, rule: Rule<A>): Promise<A> => {
  let step = rule.next()
  while (step.done !== true) {
    await turn()
    let result: unknown
    try {
      result = statements.execute(step.value)
    } catch (error) {
      await turn()
      step = rule.throw(error)
      continue
    }
    await turn()
    step = rule.next(result)
  }
  return step.value
}

/** A book in memory that is run as one that has to be waited for. */
export const openLater = async () => {
  const db = new DatabaseSync(":memory:", { enableForeignKeyConstraints: true })
  migrate(db)
  const statements = new Runner(db)
  await runLater(statements, agree("usd"))
  const book = makeBook(sqliteDialect)
  return {
    apply: (asked: Parameters<typeof book.apply>[0]) => runLater(statements, book.apply(asked)),
    commits: book.commits,
    close: () => db.close(),
  }
}

/** The ledger over it. One transaction at a time: there is one connection. */
export const layerLater = Layer.effect(
  Ledger,
  Effect.gen(function* () {
    const book = yield* Effect.acquireRelease(Effect.promise(openLater), (opened) => Effect.sync(() => opened.close()))
    const connection = yield* Semaphore.make(1)
    return Ledger.of({
      run: (name, input) =>
        Effect.promise(() => book.apply([{ name, input }])).pipe(
          connection.withPermits(1),
          Effect.flatMap((answers) => exitOf(answers[0]!)),
        ) as never,
      check: Effect.void,
      commits: Effect.sync(() => book.commits()),
    })
  }),
)
