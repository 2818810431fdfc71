import type { PgConnection } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { DatabaseError } from "./DatabaseError.ts"
import { flightSchema } from "./FlightSchema.ts"
import { healthSchema } from "./HealthSchema.ts"
import { ledgerSchema } from "./LedgerSchema.ts"
import { limitSchema } from "./LimitSchema.ts"
import { heard } from "./Silence.ts"

// Each runs once, in its order, and is never edited after a release: a database in the field has run it as it was.
const migrations: ReadonlyArray<string> = [ledgerSchema, limitSchema, healthSchema, flightSchema]

/** Oldest that is known to take all that is asked: PostgreSQL 14. */
const oldestServer = 140_000

/** Ten minutes for one step of a migration, or for another gateway that migrates. */
const longest = 40

/** Of whoever migrates; "AVRY" as a number. */
const lock = 0x41565259

/**
 * Brings the schema up to date, all or nothing. One gateway does, the others wait for it. Refuses a server that is too old and a schema
 * that is newer than this program.
 */
export const migrate = (connection: PgConnection.PgConnection): Effect.Effect<void, SqlError | DatabaseError> =>
  Effect.gen(function* () {
    const run = (sql: string) => heard(connection.query(sql, [], false))
    const runLong = (sql: string) => heard(connection.query(sql, [], false), longest)
    const [server] = (yield* run("SELECT CAST(current_setting('server_version_num') AS INT) AS version")).rows
    if ((server?.["version"] as number) < oldestServer)
      return yield* new DatabaseError({ message: "The database is older than PostgreSQL 14. Use a newer one." })
    yield* run("BEGIN")
    // Waits for whoever migrates, who may take longer than a statement usually does.
    yield* run("SET LOCAL lock_timeout = 0")
    yield* run("SET LOCAL statement_timeout = 0")
    yield* runLong(`SELECT pg_advisory_xact_lock(${lock})`)
    yield* run("CREATE SCHEMA IF NOT EXISTS aviary")
    yield* run("CREATE TABLE IF NOT EXISTS schema_version (version INT NOT NULL)")
    const [row] = (yield* run("SELECT coalesce(max(version), 0) AS version FROM schema_version")).rows
    const version = row?.["version"] as number
    if (version > migrations.length) {
      return yield* new DatabaseError({
        message: `The database has schema ${version}, this Aviary knows schemas up to ${migrations.length}. Start the newer Aviary that wrote it, or set AVIARY_DATABASE_URL to another database.`,
      })
    }
    for (const migration of migrations.slice(version)) {
      for (const statement of statementsOf(migration)) yield* runLong(statement)
    }
    if (version < migrations.length) {
      yield* run("DELETE FROM schema_version")
      yield* run(`INSERT INTO schema_version VALUES (${migrations.length})`)
    }
    yield* run("COMMIT")
  })

/** Its statements, each of which ends with a semicolon at the end of a line that no function's body has. */
const statementsOf = (migration: string): ReadonlyArray<string> =>
  migration
    .split(/;\n\n/)
    .map((statement) => statement.trim().replace(/;$/, ""))
    .filter((statement) => statement !== "")
