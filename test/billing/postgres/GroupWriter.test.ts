import { assert, it } from "@effect/vitest"
import type { PgConnection } from "@effect/sql-pg"
import { Duration, Effect, Fiber, Layer, Schedule, Scope } from "effect"
import { ConnectionError, SqlError, UnknownError } from "effect/sql/SqlError"
import type { Asked } from "../../../src/billing/Operations.ts"
import { makeGroupWriter } from "../../../src/billing/postgres/GroupWriter.ts"
import { Database, queryOn } from "../../../src/database/Database.ts"
import { Silence } from "../../../src/database/Silence.ts"
import { wayTo } from "../../support/databaseWay.ts"
import { databaseAt, startPostgres } from "../../support/postgres.ts"
import { sharedPostgres } from "../../support/sharedPostgres.ts"

const long = { timeout: 180_000 }

const open: Asked = {
  name: "openAccount",
  input: { id: "a", name: "A", terms: { kind: "prepaid", overdraft: 0 }, now: 1 },
}
const post = (operationId: string): Asked => ({
  name: "post",
  input: { operationId, accountId: "a", kind: "deposit", amount: 100, reason: null, now: 2 },
})

// A connection's first commit is sent in words; later ones by the name of what was prepared.
for (const cut of ["after", "before"] as const)
  it.live(
    `a connection that is lost ${cut} the server has the commit is no doubt for long: the change is made once, and answered as made`,
    () =>
      Effect.gen(function* () {
        const { database, port, sql } = yield* sharedPostgres
        const url = yield* database
        const way = yield* wayTo(port)
        yield* Effect.gen(function* () {
          const writer = yield* makeGroupWriter(false)
          way.cut = cut
          const [opened, posted] = yield* writer.write([open, post("d")])
          assert.strictEqual(way.cuts, 1)
          assert.deepInclude((opened as { answer: object }).answer, { id: "a", balance: 0 })
          assert.deepInclude((posted as { answer: object }).answer, { amount: 100, balance: 100 })
          yield* writer.write([post("e")])
        }).pipe(Effect.scoped, Effect.provide(databaseAt(url.replace(`:${port}/`, `:${way.port}/`))))
        const count = (text: string) => sql(`SET search_path = aviary; ${text}`, url.split("/").at(-1))
        assert.strictEqual(count("SELECT balance FROM accounts WHERE id = 'a'"), "200")
        assert.strictEqual(count("SELECT count(*) FROM done_groups"), "2")
      }).pipe(Effect.scoped),
    long,
  )

it.live(
  "while the database is away nothing is done, and what is asked is refused; when it is back, it is taken again",
  () =>
    Effect.gen(function* () {
      const server = yield* startPostgres()
      const url = yield* server.database
      yield* Effect.gen(function* () {
        const writer = yield* makeGroupWriter(true)
        yield* writer.write([open])
        yield* server.kill
        const [refused] = yield* writer.write([post("d")])
        assert.deepInclude((refused as { refused: object }).refused, { _tag: "LedgerUnavailable", kind: "failed" })
        yield* server.start
        // The first to ask may still be given a connection of before.
        const [posted] = yield* writer.write([post("d")]).pipe(
          Effect.repeat({
            until: ([one]) => one !== undefined && "answer" in one,
            schedule: Schedule.spaced("50 millis"),
          }),
          Effect.timeout("2 minutes"),
        )
        assert.deepInclude((posted as { answer: object }).answer, { balance: 100 })
      }).pipe(Effect.scoped, Effect.provide(databaseAt(url)))
    }).pipe(Effect.scoped),
  long,
)

/** The database at `url`, connected to in another way. */
const connecting = (url: string, by: (connect: Database["Service"]["connect"]) => Database["Service"]["connect"]) =>
  Layer.effect(
    Database,
    Effect.map(Database, (database) => ({ ...database, connect: by(database.connect) })),
  ).pipe(Layer.provide(databaseAt(url)))

/** The same connection, but for what becomes of some statements. */
const faulty = (
  made: PgConnection.PgConnection,
  fault: (sql: string) => Effect.Effect<never, SqlError> | undefined,
): PgConnection.PgConnection => {
  const query: typeof made.query = (sql, ...rest) => fault(sql) ?? made.query(sql, ...rest)
  return Object.assign(Object.create(made) as typeof made, { query })
}

/** Each connection is dead from its second group on, as `error` says. */
const mortal = (url: string, error: SqlError) =>
  connecting(
    url,
    Effect.map((made) => {
      let begun = 0
      return faulty(made, (sql) => {
        if (sql === "BEGIN") begun++
        return begun > 1 ? Effect.fail(error) : undefined
      })
    }),
  )

const failed = (message: string, code?: string) => ({
  cause: Object.assign(new Error(message), code === undefined ? {} : { code }),
  message,
  operation: "query",
})

const sharedDatabase = Effect.flatMap(sharedPostgres, ({ database }) => database)

for (const [what, reason] of [
  ["written to after its end", new ConnectionError(failed("This socket has been ended by the other party", "EPIPE"))],
  ["whose rows could not be read", new UnknownError(failed("Failed to decode row"))],
] as const)
  it.live(
    `a connection ${what} is not asked a second time`,
    () =>
      Effect.gen(function* () {
        const writer = yield* makeGroupWriter(true)
        yield* writer.write([open])
        const answers = [yield* writer.write([post("d")]), yield* writer.write([post("d")])]
        assert.deepInclude((answers[1]![0] as { answer: object }).answer, { balance: 100 })
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.unwrap(Effect.map(sharedDatabase, (url) => mortal(url, new SqlError({ reason }))))),
      ),
    long,
  )

it.live(
  "a server that only reads is no place to stay: where the database's address leads now is looked for",
  () =>
    Effect.gen(function* () {
      const { database, sql } = yield* sharedPostgres
      const url = yield* database
      const name = url.split("/").at(-1)!
      yield* Effect.gen(function* () {
        const writer = yield* makeGroupWriter(true)
        yield* writer.write([open])
        // Connections that are made meanwhile stay so, as those to a standby do.
        sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
        sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
        const [refused] = yield* writer.write([post("d")])
        assert.match(JSON.stringify(refused), /read-only transaction/)
        sql(`ALTER DATABASE ${name} SET default_transaction_read_only = off`)
        yield* writer.write([post("d")])
        const [posted] = yield* writer.write([post("d")])
        assert.deepInclude((posted as { answer: object }).answer, { balance: 100 })
      }).pipe(Effect.scoped, Effect.provide(databaseAt(url)))
    }).pipe(Effect.scoped),
  long,
)

/** Gives up waiting for a lock after a moment. */
const hastily = (connect: Database["Service"]["connect"]) =>
  Effect.tap(connect, (made) => queryOn(made)("SET lock_timeout = 100"))

it.live(
  "behind a group whose end nobody tells of, as on a disk that hangs, others are not waited for as long; until one is made",
  () =>
    Effect.gen(function* () {
      const url = yield* sharedDatabase
      let hangs = false
      const hanging = connecting(
        url,
        Effect.map((made) => faulty(made, (sql) => (hangs && sql === "COMMIT" ? Effect.never : undefined))),
      )
      yield* Effect.gen(function* () {
        const writer = yield* makeGroupWriter(true)
        const timed = (asked: Asked) => Effect.timed(Effect.map(writer.write([asked]), ([one]) => one))
        yield* writer.write([open])
        hangs = true
        const [first, lost] = yield* timed(post("d"))
        const [second, another] = yield* timed(post("e"))
        for (const one of [lost, another]) assert.include(JSON.stringify(one), '"kind":"lost"')
        assert.isAbove(Duration.toMillis(first), 1_300)
        assert.isBelow(Duration.toMillis(second), 1_000)
        hangs = false
        const [, made] = yield* timed(post("d"))
        assert.deepInclude((made as { answer: object }).answer, { balance: 100 })
        hangs = true
        assert.isAbove(Duration.toMillis((yield* timed(post("f")))[0]), 1_300)
      }).pipe(Effect.scoped, Effect.provide(hanging), Effect.provideService(Silence, Duration.seconds(1)))
    }).pipe(Effect.scoped),
  long,
)

/** The way to the server is lost with the first commit, which the server is still at. */
const undecided = (url: string, outer: Scope.Scope, stuck: (made: PgConnection.PgConnection) => void) => {
  const lost = new SqlError({ reason: new ConnectionError(failed("the way is lost")) })
  let first = true
  return connecting(url, (connect) =>
    Effect.suspend(() => {
      if (!first) return hastily(connect)
      first = false
      const lasting = Effect.tap(connect, (made) => queryOn(made)("SET idle_in_transaction_session_timeout = 0"))
      return Effect.map(Scope.provide(lasting, outer), (made) => {
        stuck(made)
        return faulty(made, (sql) => (sql === "COMMIT" ? Effect.fail(lost) : undefined))
      })
    }),
  )
}

it.live(
  "a group that may have been made, and that nobody gets to see meanwhile, is told as lost, and is made once",
  () =>
    Effect.gen(function* () {
      const url = yield* sharedDatabase
      let stuck: PgConnection.PgConnection | undefined
      yield* Effect.scoped(Effect.flatMap(makeGroupWriter(true), (writer) => writer.write([open]))).pipe(
        Effect.provide(databaseAt(url)),
      )
      yield* Effect.gen(function* () {
        const writer = yield* makeGroupWriter(true)
        const kinds = (yield* writer.write([post("d"), post("e")])).map((one) =>
          "refused" in one && one.refused._tag === "LedgerUnavailable" ? one.refused.kind : "made",
        )
        assert.deepStrictEqual(kinds, ["lost", "lost"])
        yield* queryOn(stuck!)("COMMIT")
        const [posted, later] = yield* writer.write([post("d"), post("f")])
        assert.deepInclude((posted as { answer: object }).answer, { operationId: "d", balance: 100 })
        assert.deepInclude((later as { answer: object }).answer, { balance: 300 })
      }).pipe(Effect.scoped, Effect.provide(undecided(url, yield* Effect.scope, (made) => (stuck = made))))
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "what others keep locked for longer than a statement waits is tried again, so that a gateway that starts among busy ones does",
  () =>
    Effect.gen(function* () {
      const { database, sql } = yield* sharedPostgres
      const url = yield* database
      yield* Effect.gen(function* () {
        const writer = yield* makeGroupWriter(true)
        yield* writer.write([open])
        const other = queryOn(yield* (yield* Database).connect)
        yield* other("SET idle_in_transaction_session_timeout = 0")
        yield* other("BEGIN")
        yield* other("SELECT 1 FROM accounts WHERE id = 'a' FOR NO KEY UPDATE")
        const posted = yield* Effect.forkChild(writer.write([post("d")]))
        const began = "SELECT xact_start FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        const look = Effect.sync(() => sql(began))
        const again = Schedule.spaced("10 millis")
        const first = yield* Effect.repeat(look, { until: (found) => found !== "", schedule: again })
        yield* Effect.repeat(look, { until: (found) => found !== "" && found !== first, schedule: again })
        yield* other("COMMIT")
        const [done] = yield* Fiber.join(posted)
        assert.deepInclude((done as { answer: object }).answer, { balance: 100 })
      }).pipe(Effect.scoped, Effect.provide(connecting(url, hastily)))
    }).pipe(Effect.scoped),
  long,
)
