import { Effect } from "effect"
import { makeGroupWriter } from "../../src/billing/postgres/GroupWriter.ts"
import { answerTo } from "../../src/billing/book/Book.ts"
import { run } from "../../src/billing/postgres/Runner.ts"
import { type Answered, type Asked, queries } from "../../src/billing/Operations.ts"
import { LedgerUnavailable } from "../../src/billing/BillingError.ts"
import { Database } from "../../src/database/Database.ts"
import { recordHistories } from "./histories.ts"
import { databaseAt } from "./postgres.ts"

/** Each database has its own numbers for what it writes and its own words for what it throws out. */
const comparable = (answered: Answered): unknown => {
  if ("refused" in answered && answered.refused instanceof LedgerUnavailable) return answered.refused.kind
  return JSON.parse(
    JSON.stringify(answered, (name, value: unknown) =>
      name === "id" && typeof value === "number" ? "an entry" : value,
    ),
  ) as unknown
}

/** Asks the ledger at `url` what histories ask of one in SQLite; answers with the differences. */
export const replayOn = (url: string, first: number, count: number) =>
  Effect.gen(function* () {
    const { asked } = recordHistories(first, count)
    const database = yield* Database
    const writer = yield* makeGroupWriter(false)
    const look = (one: Asked) => database.use((connection) => run(connection, answerTo(one)))
    const differences: Array<string> = []
    for (const { group, answers } of asked) {
      const found = group.every(({ name }) => queries.has(name))
        ? yield* Effect.forEach(group, look)
        : yield* writer.write(group)
      const [here, there] = [found.map(comparable), answers.map(comparable)].map((all) => JSON.stringify(all))
      if (here !== there) differences.push(`${JSON.stringify(group)}: ${here} instead of ${there}`)
    }
    return differences
  }).pipe(Effect.scoped, Effect.provide(databaseAt(url)), Effect.orDie)
