/**
 * Asks PostgreSQL what random histories ask of the ledger in SQLite, 10,000 of them unless told otherwise, and compares all answers.
 *
 *     node test/scripts/postgresHistories.ts [histories] [first seed]
 */
import { Effect } from "effect"
import { startPostgres } from "../support/postgres.ts"
import { replayOn } from "../support/postgresHistories.ts"

const [histories = "10000", first = "0"] = process.argv.slice(2)
const atOnce = 100

const started = Date.now()
const differences: Array<string> = []
await Effect.runPromise(
  Effect.gen(function* () {
    // The rules are what is compared here, not what a disk keeps.
    const { database } = yield* startPostgres(["fsync=off", "full_page_writes=off"])
    for (let done = 0; done < Number(histories); done += atOnce) {
      const url = yield* database
      differences.push(...(yield* replayOn(url, Number(first) + done, Math.min(atOnce, Number(histories) - done))))
      if ((done / atOnce) % 10 === 0) console.log(`${done + atOnce} histories: ${differences.length} differences`)
    }
  }).pipe(Effect.scoped),
)
console.log(
  `${histories} histories on PostgreSQL: ${differences.length} answers differ, in ${Math.round((Date.now() - started) / 1_000)} s`,
)
for (const difference of differences.slice(0, 20)) console.error(difference)
process.exitCode = differences.length === 0 ? 0 : 1
