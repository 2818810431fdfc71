import type { PgConnection } from "@effect/sql-pg"
import { Clock, Effect, Layer, Schedule } from "effect"
import { SqlError } from "effect/sql/SqlError"
import { Database } from "../../database/Database.ts"
import { isBroken } from "../../database/DatabaseError.ts"
import { heard } from "../../database/Silence.ts"
import { Settings } from "../../Settings.ts"
import { BillingError, LedgerUnavailable } from "../BillingError.ts"
import { agree, answerTo } from "../book/Book.ts"
import { exitOf, gatherFor } from "../GroupCommit.ts"
import { Ledger } from "../Ledger.ts"
import { makeLedgerDoubt } from "../LedgerDoubt.ts"
import { type Answer, type Asked, queries, type Question, reports } from "../Operations.ts"
import { makeGroupWriter } from "./GroupWriter.ts"
import { makeAnnouncedKeys } from "./AnnouncedKeys.ts"
import { askedAt } from "./PostgresBook.ts"
import { reasonOf } from "./PostgresDialect.ts"
import { run } from "./Runner.ts"

/** Operations in one transaction: other gateways wait for its accounts, and a busy machine takes some milliseconds for each. */
const groupSize = 128

/** A query changes nothing, so it is asked again where its connection is lost. */
const again = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 20 }))
const isLost = (error: unknown) => error instanceof SqlError && isBroken(error)

const refused = (error: unknown) => new BillingError({ reason: reasonOf(error) })

/** @property clock whose says when: the database's, or that of whoever asks, for tests */
interface Options {
  readonly currency: string
  readonly clock?: "database" | "asked"
}

const make = Effect.fnUntraced(function* ({ currency, clock = "database" }: Options) {
  const database = yield* Database
  const byClock = clock === "database"
  const writer = yield* makeGroupWriter(byClock)
  const change = yield* gatherFor(writer.write, groupSize)
  const knownKeys = yield* makeAnnouncedKeys
  const doubt = makeLedgerDoubt(change)

  yield* database.use((connection) => run(connection, agree(currency))).pipe(Effect.mapError(notOpened(database.place)))

  const look = (asked: Asked) => {
    const lend = reports.has(asked.name) ? database.survey : database.use
    const ask = Effect.gen(function* () {
      const now = (yield* Clock.currentTimeMillis) + writer.aheadMillis()
      const rule = answerTo(byClock ? askedAt(asked, now) : asked)
      return yield* lend((connection: PgConnection.PgConnection) => run(connection, rule))
    })
    const found = Effect.retry(ask, { while: isLost, schedule: again })
    return (reports.has(asked.name) ? found : heard(found)).pipe(
      Effect.mapError(refused),
      Effect.flatMap((answered) => exitOf(answered)),
    )
  }

  const ask = ({ name, input }: Asked): Effect.Effect<unknown, BillingError> => {
    if (name === "keyByHash") {
      const { hash } = input as Question<"keyByHash">
      return knownKeys.find(hash, look({ name, input }) as Effect.Effect<Answer<"keyByHash">, BillingError>)
    }
    if (queries.has(name)) return look({ name, input })
    // Whoever shares the data directory is not everybody on this ledger: nobody knows here that all others are gone.
    return change({ name, input: name === "reap" ? { ...(input as Question<"reap">), alone: false } : input })
  }

  return Ledger.of({
    check: doubt.check,
    run: (name, input) => Effect.tapError(ask({ name, input }), doubt.note) as never,
    commits: Effect.sync(writer.commits),
  })
})

const notOpened = (place: string) => (error: unknown) => {
  const reason = reasonOf(error)
  if (!(reason instanceof LedgerUnavailable)) return new BillingError({ reason })
  const message = `The ledger in ${place} cannot be used: ${reason.message.replace("AVIARY_DATA_DIR", "AVIARY_DATABASE_URL")}.`
  return BillingError.unavailable(reason.kind, message)
}

export const layerAt = (options: Options) => Layer.effect(Ledger, make(options))

/** PostgreSQL, by the database's clock. Does not build where the ledger is kept in another currency. */
export const layer = Layer.unwrap(Effect.map(Settings, ({ currency }) => layerAt({ currency })))
