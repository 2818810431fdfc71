import { assert, it } from "@effect/vitest"
import { Cause, Context, Deferred, Duration, Effect, Exit, Fiber, Layer } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { DatabaseSync } from "node:sqlite"
import { migrate } from "../../src/billing/sqlite/Migrations.ts"
import { Announcements } from "../../src/database/Announcements.ts"
import { Database, type Query, queryOn } from "../../src/database/Database.ts"
import { isBroken, saidBy } from "../../src/database/DatabaseError.ts"
import { Silence } from "../../src/database/Silence.ts"
import * as PostgresSharing from "../../src/cache/PostgresSharing.ts"
import { Settings } from "../../src/Settings.ts"
import { wayTo } from "../support/databaseWay.ts"
import { databaseAt, startPostgres } from "../support/postgres.ts"
import { sharedPostgres } from "../support/sharedPostgres.ts"

const long = { timeout: 60_000 }

const opened = (url: string, settings: Parameters<typeof Settings.layerTest>[0] = {}) =>
  Effect.map(Layer.build(databaseAt(url, settings)), (context) => ({
    database: Context.get(context, Database),
    announcements: Context.get(context, Announcements),
  }))

const refusal = (url: string, settings = {}) =>
  Effect.map(Effect.exit(Effect.scoped(opened(url, settings))), (exit) =>
    Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it was opened",
  )

it.live(
  "gateways that start at once bring the schema up to date once",
  () =>
    Effect.gen(function* () {
      const { database: make, sql } = yield* sharedPostgres
      const url = yield* make
      yield* Effect.all(
        Array.from({ length: 5 }, () => opened(url)),
        { concurrency: "unbounded" },
      )
      assert.strictEqual(sql("SELECT count(*) FROM aviary.schema_version", url.split("/").at(-1)), "1")
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "a schema that is newer than this program is refused, and stays as it is",
  () =>
    Effect.gen(function* () {
      const { database: make, sql } = yield* sharedPostgres
      const url = yield* make
      yield* Effect.scoped(opened(url))
      const ask = (text: string) => sql(text, url.split("/").at(-1))
      ask("UPDATE aviary.schema_version SET version = 1000")
      assert.match(yield* refusal(url), /schema 1000, this Aviary knows schemas up to \d+\. Start the newer Aviary/)
      assert.strictEqual(ask("SELECT version FROM aviary.schema_version"), "1000")
    }),
  long,
)

it.live(
  "the ledger has the same tables and columns as in SQLite",
  () =>
    Effect.gen(function* () {
      const { database: make, sql } = yield* sharedPostgres
      const url = yield* make
      yield* Effect.scoped(opened(url))
      const db = new DatabaseSync(":memory:")
      migrate(db)
      const tables = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1")
        .all()
      for (const { name } of tables) {
        const lite = db.prepare(`SELECT name FROM pragma_table_info('${String(name)}') ORDER BY 1`).all()
        const there = sql(
          `SELECT column_name FROM information_schema.columns WHERE table_schema = 'aviary' AND table_name = '${String(name)}' ORDER BY 1`,
          url.split("/").at(-1),
        )
        assert.deepStrictEqual(
          there.split("\n"),
          lite.map((column) => column["name"]),
          String(name),
        )
      }
      db.close()
    }),
  long,
)

it.live(
  "a start without the database fails with one line, or waits as long as it is told to",
  () =>
    Effect.gen(function* () {
      const server = yield* startPostgres()
      const url = (yield* server.database).replace("aviary@", "aviary:secret@")
      yield* server.kill
      const said = yield* refusal(url)
      assert.include(said, `The database 127.0.0.1:${server.port}/aviary_1 cannot be used: connect ECONNREFUSED`)
      assert.notInclude(said, "secret")
      const waiting = yield* Effect.forkChild(opened(url, { databaseWait: "1 minute" }))
      yield* server.start
      const { database } = yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* database.query("SELECT 1 AS one"), [{ one: 1 }])
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "a password that is refused is no reason to wait, and is not shown",
  () =>
    Effect.gen(function* () {
      const { database: make, sql } = yield* sharedPostgres
      const url = yield* make
      sql("DROP ROLE IF EXISTS stranger")
      const said = yield* refusal(url.replace("aviary@", "stranger:secret@"), { databaseWait: "1 hour" })
      assert.include(said, 'role "stranger" does not exist')
      assert.notInclude(said, "secret")
    }),
  long,
)

it.live(
  "what is announced is heard by all, and after a time without hearing all is told that something may have been missed",
  () =>
    Effect.gen(function* () {
      const server = yield* startPostgres()
      const url = yield* server.database
      const [one, other] = yield* Effect.all([opened(url), opened(url)])
      const heard = yield* Deferred.make<string | undefined>()
      const missed = yield* Deferred.make<void>()
      yield* other.announcements.on("weather", (words) => {
        if (words === "fair") Deferred.doneUnsafe(heard, Effect.succeed(words))
        if (words === undefined) Deferred.doneUnsafe(missed, Effect.void)
      })
      yield* Effect.repeat(Effect.andThen(one.announcements.say("weather", "fair"), Effect.sleep("20 millis")), {
        until: () => Deferred.isDoneUnsafe(heard),
      })
      yield* server.kill
      yield* Deferred.await(missed)
      yield* server.start
      yield* Effect.repeat(Effect.sleep("20 millis"), { until: () => other.announcements.listening() })
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "serialised work that others are in the way of is repeated until it is done, and counts once each",
  () =>
    Effect.gen(function* () {
      const { database: make } = yield* sharedPostgres
      const { database } = yield* Effect.flatMap(make, opened)
      yield* database.query("INSERT INTO meta VALUES ('count', '0')")
      const countOne = database.serialised((query) =>
        Effect.gen(function* () {
          const [row] = yield* query("SELECT value FROM meta WHERE name = 'count'")
          yield* query("UPDATE meta SET value = $1 WHERE name = 'count'", String(Number(row?.["value"]) + 1))
        }),
      )
      yield* Effect.all(
        Array.from({ length: 20 }, () => countOne),
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(yield* database.query("SELECT value FROM meta WHERE name = 'count'"), [{ value: "20" }])
    }).pipe(Effect.scoped),
  long,
)

/** With little patience: a way that falls silent as `way` says. */
const overAWay = Effect.gen(function* () {
  const { database: make, port } = yield* sharedPostgres
  const url = yield* make
  const way = yield* wayTo(port)
  return { url: `${url.replace(`:${port}/`, `:${way.port}/`)}?connect_timeout=1`, way }
})
const hasty = Effect.provideService(Silence, Duration.millis(400))

const one = (query: Query) => query("SELECT 1 AS one")
const asks: Record<string, (database: Database["Service"]) => Effect.Effect<unknown, SqlError>> = {
  "a statement": ({ query }) => one(query),
  "a transaction": ({ serialised }) => serialised(one),
  "a survey": ({ survey }) => survey((connection) => one(queryOn(connection))),
}

for (const [what, ask] of Object.entries(asks))
  it.live(
    `${what} on a connection that says nothing fails as on one that is lost, and the next is asked on another`,
    () =>
      Effect.gen(function* () {
        const { url, way } = yield* overAWay
        const { database } = yield* opened(url)
        yield* ask(database)
        way.silent = true
        const error = yield* hasty(Effect.flip(ask(database)))
        assert.isTrue(isBroken(error))
        assert.strictEqual(saidBy(error).message, "it says nothing")
        way.silent = false
        // One is being made on the silent way.
        assert.deepStrictEqual(yield* Effect.retry(ask(database), { times: 3 }), [{ one: 1 }])
      }).pipe(Effect.scoped),
    long,
  )

it.live(
  "of many who wait for a connection that cannot be made, none waits for the others",
  () =>
    Effect.gen(function* () {
      const { url, way } = yield* overAWay
      const { database } = yield* opened(url)
      way.silent = true
      yield* hasty(Effect.flip(one(database.query)))
      const asked = Array.from({ length: 30 }, () => hasty(Effect.flip(one(database.query))))
      const errors = yield* Effect.timeout(Effect.all(asked, { concurrency: "unbounded" }), "10 seconds")
      assert.isTrue(errors.every(isBroken))
    }).pipe(Effect.scoped),
  long,
)

it.live(
  "reports that never end give up their turns",
  () =>
    Effect.gen(function* () {
      const { database } = yield* Effect.flatMap((yield* sharedPostgres).database, opened)
      const stuck = Effect.flip(database.survey(() => Effect.never))
      const errors = yield* Effect.all([stuck, stuck, stuck], { concurrency: "unbounded" }).pipe(
        Effect.provideService(Silence, Duration.millis(100)),
      )
      assert.isTrue(errors.every(isBroken))
      assert.deepStrictEqual(yield* asks["a survey"]!(database), [{ one: 1 }])
    }).pipe(Effect.scoped),
  long,
)

for (const at of ["server_version_num", "BEGIN", "CREATE SCHEMA", "'peers'"])
  it.live(
    `a start on a database that falls silent at ${at} ends with one line`,
    () =>
      Effect.gen(function* () {
        const { url, way } = yield* overAWay
        way.silentFrom = at
        const sharing = PostgresSharing.layer.pipe(
          Layer.provide(databaseAt(url)),
          Layer.provide(Settings.layerTest({})),
        )
        const error = yield* hasty(Effect.flip(Effect.scoped(Layer.build(sharing))))
        assert.strictEqual(error._tag, "DatabaseError")
        assert.match(
          error.message,
          /^The database 127\.0\.0\.1:\d+\/\w+ cannot be used: (it says nothing|Connection timed out)\.$/,
        )
      }).pipe(Effect.scoped),
    long,
  )

it.live(
  "who hears nothing on a connection that looks well is told that something may have been missed, and listens anew",
  () =>
    Effect.gen(function* () {
      const { url, way } = yield* overAWay
      const { announcements } = yield* opened(url)
      const words: Array<string | undefined> = []
      const until = (there: () => boolean) => Effect.repeat(Effect.sleep("20 millis"), { until: there })
      yield* until(announcements.listening)
      yield* announcements.on("weather", (heard) => words.push(heard))
      way.deaf = true
      yield* announcements.say("weather", "storm")
      yield* until(() => words.length > 0)
      assert.strictEqual(words[0], undefined)
      way.deaf = false
      yield* until(announcements.listening)
      yield* announcements.say("weather", "fair")
      yield* until(() => words.includes("fair"))
      assert.notInclude(words, "storm")
    }).pipe(Effect.scoped),
  long,
)
