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
    const compare = (group: ReadonlyArray<Asked>, answers: ReadonlyArray<Answered>, found: ReadonlyArray<Answered>) => {
      const [here, there] = [found.map(comparable), answers.map(comparable)].map((all) => JSON.stringify(all))
      if (here !== there) differences.push(`${JSON.stringify(group)}: ${here} instead of ${there}`)
    }
    // Questions between two changes wait for each other no more than for an answer each.
    let questions: typeof asked = []
    const askThem = Effect.suspend(() => {
      const these = questions
      questions = []
      return Effect.forEach(
        these,
        ({ answers, group }) => Effect.map(Effect.forEach(group, look), (found) => compare(group, answers, found)),
        { concurrency: "unbounded", discard: true },
      )
    })
    for (const one of asked) {
      if (one.group.every(({ name }) => queries.has(name))) questions.push(one)
      else {
        yield* askThem
        compare(one.group, one.answers, yield* writer.write(one.group))
      }
    }
    yield* askThem
    return differences
  }).pipe(Effect.scoped, Effect.provide(databaseAt(url)), Effect.orDie)
