import { PgConnection, PgPool, PgTypes } from "@effect/sql-pg"
import { Context, Duration, Effect, Layer, Predicate, Redacted, Result, Schedule, type Scope, Semaphore } from "effect"
import { SqlError } from "effect/sql/SqlError"
import { randomUUID } from "node:crypto"
import { Settings } from "../Settings.ts"
import { DatabaseError, isBroken, isCollision, saidBy } from "./DatabaseError.ts"
import { type DatabaseAddress, readDatabaseUrl } from "./DatabaseUrl.ts"
import { migrate } from "./Migrations.ts"
import { heard, Silence } from "./Silence.ts"

export type Row = Readonly<Record<string, unknown>>
export type Value = string | number | null

/** Asks one statement, with `$1` for the first value; whole numbers come as numbers. */
export type Query = (sql: string, ...values: ReadonlyArray<Value>) => Effect.Effect<ReadonlyArray<Row>, SqlError>

interface Service {
  /** For people: where it is, without a password. */
  readonly place: string
  /** This gateway, among those that share the database; another at each start. */
  readonly gateway: string
  /** On whichever connection is free. */
  readonly query: Query
  /**
   * All or nothing, and as if nothing else ran meanwhile: `SERIALIZABLE`. `work` is repeated where others were in the way, so it does
   * nothing else. It is not known whether it was done where the connection is lost (`isBroken`).
   */
  readonly serialised: <A>(work: (query: Query) => Effect.Effect<A, SqlError>) => Effect.Effect<A, SqlError>
  /** Lends a connection that others may be using at the same time: for statements that stand each for itself and do not take long. */
  readonly use: <A, E>(
    work: (connection: PgConnection.PgConnection) => Effect.Effect<A, E>,
  ) => Effect.Effect<A, E | SqlError>
  /** Lends one in a transaction that reads, sees one moment and may take minutes. Two at once. */
  readonly survey: <A, E>(
    work: (connection: PgConnection.PgConnection) => Effect.Effect<A, E>,
  ) => Effect.Effect<A, E | SqlError>
  /** A connection of one's own, on which statements that do not wait for each other share a round trip. */
  readonly connect: Effect.Effect<PgConnection.PgConnection, SqlError, Scope.Scope>
}

const asNumber = (read: (bytes: Uint8Array) => number): PgTypes.Codec<number> => ({
  encode: () => Result.fail(new PgTypes.CodecError({ message: "numbers are sent as text" })),
  decode: (bytes) => Result.succeed(read(bytes)),
})

/** None of our numbers passes 2^53, also not as a sum. */
const types = PgTypes.makeRegistry()
types.register(
  PgTypes.OID.int8,
  asNumber((bytes) => Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0))),
)
types.register(
  PgTypes.OID.numeric,
  asNumber((bytes) => Number(Result.getOrThrow(PgTypes.decode(bytes, PgTypes.OID.numeric, 1)))),
)

/** Each value as text without a type, which the statement then gives it: one text is one prepared statement. */
export const parameters = (values: ReadonlyArray<Value>): ReadonlyArray<string | null> =>
  values.map((value) => (typeof value === "number" ? String(value) : value))

export const queryOn =
  (connection: PgConnection.PgConnection): Query =>
  (sql, ...values) =>
    Effect.map(connection.query(sql, parameters(values)), ({ rows }) => rows)

/** Milliseconds: longer than any statement of ours takes, and how long a gateway that froze in the middle of a transaction is in others' way. */
const session = {
  synchronous_commit: "on",
  default_transaction_isolation: "read committed",
  search_path: "aviary",
  statement_timeout: "10000",
  lock_timeout: "8000",
  idle_in_transaction_session_timeout: "3000",
  tcp_user_timeout: "10000",
}

const configOf = ({ connection, tls }: DatabaseAddress, encrypted: boolean): PgPool.Config => ({
  ...connection,
  password: connection.password === undefined ? undefined : Redacted.make(connection.password),
  startupOptions: connection.options,
  ssl: encrypted ? tls.use : false,
  applicationName: "aviary",
  keepAlive: "10 seconds",
  startupParameters: session,
  preparedStatementCacheSize: 500,
  multiplex: true,
  types,
})

const refusesTls = (error: SqlError) => error.reason.message.includes("refused TLS")

/** What is done on a connection by the first configuration that connects, of those that the URL allows. */
const connected = <A, E>(
  address: DatabaseAddress,
  work: (connection: PgConnection.PgConnection) => Effect.Effect<A, E | SqlError>,
) => {
  const by = (config: PgPool.Config) =>
    PgConnection.make(config).pipe(
      Effect.flatMap(work),
      Effect.scoped,
      Effect.map((done) => ({ config, done })),
    )
  return Effect.catch(by(configOf(address, address.tls.use !== false)), (error) =>
    Predicate.isTagged(error, "SqlError") && address.tls.optional && refusesTls(error)
      ? by(configOf(address, false))
      : Effect.fail(error),
  )
}

/** The configuration that connects; and the schema up to date. */
const open = (address: DatabaseAddress) => Effect.map(connected(address, migrate), ({ config }) => config)

const addressOf = (url: Redacted.Redacted<string>) => {
  const read = readDatabaseUrl(Redacted.value(url))
  return Result.isFailure(read)
    ? Effect.fail(new DatabaseError({ message: `AVIARY_DATABASE_URL cannot be used: ${read.failure}.` }))
    : Effect.succeed(read.success)
}

export const cannotBeUsed = ({ place }: Pick<DatabaseAddress, "place">, error: SqlError) =>
  new DatabaseError({ message: `The database ${place} cannot be used: ${saidBy(error).message}.` })

/**
 * Connects and asks, changing nothing: where it is, which version answers, and how many accounts there are; undefined where no gateway
 * has used it yet.
 */
export const inspectDatabase = Effect.fnUntraced(function* (url: Redacted.Redacted<string>) {
  const address = yield* addressOf(url)
  const ask = Effect.fnUntraced(function* (connection: PgConnection.PgConnection) {
    const query = queryOn(connection)
    const [server] = yield* query(
      "SELECT current_setting('server_version') AS version, to_regclass('aviary.accounts') IS NOT NULL AS used",
    )
    const [counted] = server!["used"] === true ? yield* query("SELECT count(*) AS accounts FROM aviary.accounts") : []
    return {
      place: address.place,
      version: String(server!["version"]),
      accounts: counted?.["accounts"] as number | undefined,
    }
  })
  const found = yield* Effect.mapError(connected(address, ask), (error) => cannotBeUsed(address, error))
  return found.done
})

const make = Effect.fnUntraced(function* (url: Redacted.Redacted<string>) {
  const { databaseWait } = yield* Settings
  const address = yield* addressOf(url)
  const cannot = (error: SqlError) => cannotBeUsed(address, error)
  const config = yield* open(address).pipe(
    Effect.tapError((error) =>
      error._tag === "SqlError" && isAway(error) && Duration.isPositive(databaseWait)
        ? Effect.logWarning(`Waiting for the database ${address.place}: ${saidBy(error).message}`)
        : Effect.void,
    ),
    Effect.retry({
      while: (error) => error._tag === "SqlError" && isAway(error),
      schedule: Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("5 seconds")]).pipe(
        Schedule.upTo({ duration: databaseWait }),
      ),
    }),
    Effect.mapError((error) => (error._tag === "SqlError" ? cannot(error) : error)),
  )
  const makePool = (options: Partial<PgPool.Config>) => Effect.mapError(PgPool.make({ ...config, ...options }), cannot)
  const shared = yield* makePool({ minConnections: 1, maxConnections: 2 })
  // Whoever has one to himself does not share it before, either: what others have asked on it may never be answered.
  const alone = yield* makePool({ multiplex: false, minConnections: 0, maxConnections: 3 })

  // Whoever has a silent connection to itself loses it when it stops waiting. A shared one would go to the next who asks. For one that is made,
  // too, nobody waits longer: those who do are told one after the other that it cannot be made.
  const use: Service["use"] = (work) =>
    Effect.suspend(() => {
      let lent: PgConnection.PgConnection | undefined
      return Effect.tapError(heard(shared.use((connection) => work((lent = connection)))), (error) =>
        lent !== undefined && error instanceof SqlError && isBroken(error) ? shared.invalidate(lent) : Effect.void,
      )
    })

  const serialised: Service["serialised"] = (work) =>
    Effect.gen(function* () {
      const ask = queryOn(yield* heard(alone.get))
      const query: Query = (sql, ...values) => heard(ask(sql, ...values))
      yield* query("BEGIN ISOLATION LEVEL SERIALIZABLE")
      const done = yield* Effect.onError(work(query), () => Effect.ignore(query("ROLLBACK")))
      yield* query("COMMIT")
      return done
    }).pipe(Effect.scoped, Effect.uninterruptible, Effect.retry({ while: isCollision, schedule: collisions }))

  const surveys = yield* Semaphore.make(2)
  const survey: Service["survey"] = (work) =>
    Effect.gen(function* () {
      const connection = yield* heard(alone.get)
      const query = (sql: string) => heard(connection.query(sql))
      yield* query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
      yield* query(`SET LOCAL statement_timeout = ${Duration.toMillis(yield* Silence) * longestSurvey}`)
      return yield* Effect.ensuring(work(connection), Effect.ignore(query("COMMIT")))
    }).pipe(Effect.scoped, surveys.withPermits(1), (all) => heard(all, longestSurvey))

  return Database.of({
    survey,
    use,
    place: address.place,
    gateway: randomUUID(),
    query: (sql, ...values) => use((connection) => queryOn(connection)(sql, ...values)),
    serialised,
    connect: PgConnection.make(config),
  })
})

/** Five minutes, its turn included. */
const longestSurvey = 20

const collisions = Schedule.exponential("5 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 12 }))

/** Nobody answers there, or not yet. */
const isAway = (error: SqlError) => isBroken(error) && !refusesTls(error)

/** The PostgreSQL that several gateways share. */
export class Database extends Context.Service<Database, Service>()("aviary/database/Database") {
  /** Connects, waiting as long as `AVIARY_DATABASE_WAIT` says, and brings the schema up to date. */
  static readonly layerAt = (url: Redacted.Redacted<string>) => Layer.effect(Database, make(url))
}
