/**
 * Asks PostgreSQL what random histories ask of the ledger in SQLite, 10,000 of them unless told otherwise, and compares all answers.
 *
 *     node test/scripts/postgresHistories.ts [histories] [first seed]
 */
import { Effect } from "effect"
import { startPostgres } from "../support/postgres.ts"
import { replayOn } from "../support/postgresHistories.ts"

const [histories = "10000", first = "0"] = process.argv.slice(2)
const perDatabase = 100

const started = Date.now()
const differences: Array<string> = []
await Effect.runPromise(
  Effect.gen(function* () {
    // The rules are what is compared here, not what a disk keeps.
    const { database } = yield* startPostgres(["fsync=off", "full_page_writes=off"])
    let done = 0
    const some = (from: number) =>
      Effect.gen(function* () {
        const count = Math.min(perDatabase, Number(histories) - from)
        differences.push(...(yield* replayOn(yield* database, Number(first) + from, count)))
        done += count
        if (done % 1_000 === 0) console.log(`${done} histories: ${differences.length} differences`)
      })
    const starts = Array.from({ length: Math.ceil(Number(histories) / perDatabase) }, (_, index) => index * perDatabase)
    // A database each: what is overdue is looked for in all of it.
    yield* Effect.forEach(starts, some, { concurrency: 4, discard: true })
  }).pipe(Effect.scoped),
)
console.log(
  `${histories} histories on PostgreSQL: ${differences.length} answers differ, in ${Math.round((Date.now() - started) / 1_000)} s`,
)
for (const difference of differences.slice(0, 20)) console.error(difference)
process.exitCode = differences.length === 0 ? 0 : 1
