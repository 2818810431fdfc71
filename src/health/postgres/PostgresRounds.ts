import { Deferred, Effect, Fiber, Layer, Option, Queue, Schema } from "effect"
import { Announcements } from "../../database/Announcements.ts"
import { Database } from "../../database/Database.ts"
import { saidBy } from "../../database/DatabaseError.ts"
import { EngineId } from "../EngineId.ts"
import type { EngineEvent } from "../EngineState.ts"
import type { ProbeReport } from "../EngineReport.ts"
import { type News, Rounds } from "../EngineStates.ts"

/** Milliseconds: how long a gateway that says nothing keeps its turn, how often it says something, and how often others look. */
const usual = { lease: 6_000, renewal: 2_000, watch: 3_000 }

/** What others need to know of an engine. What one gateway alone cannot reach is not among it. */
const told: ReadonlySet<EngineEvent> = new Set<EngineEvent>([
  ...(["passed", "wedged", "acquitted", "loading", "restarting", "restarted", "restartFailed"] as const),
  ...(["spent", "restored", "gaveUp", "lost"] as const),
])

/** The events that lead from nothing known to what the last event was about, for who begins in the middle. */
const leadingTo: Partial<Record<EngineEvent, ReadonlyArray<EngineEvent>>> = {
  passed: ["passed"],
  wedged: ["wedged"],
  restarting: ["wedged", "restarting"],
  restarted: ["wedged", "restarting", "restarted"],
  loading: ["loading"],
  restartFailed: ["wedged"],
  spent: ["wedged", "spent"],
  restored: ["wedged"],
  gaveUp: ["wedged"],
}

/** What was told longer ago is no news to who begins: by then somebody would have said something else. */
const newsworthyMillis = 15 * 60_000

const Message = Schema.fromJsonString(
  Schema.Struct({ gateway: Schema.String, engine: EngineId, event: Schema.String, reason: Schema.String }),
)
const decodeMessage = Schema.decodeUnknownOption(Message)

/** Turns at engines, by leases in the database. */
const makeTurns = Effect.fnUntraced(function* (times: typeof usual) {
  const database = yield* Database
  const scope = yield* Effect.scope
  /** How many pieces of work this gateway has its turn for, what keeps it, and what it is to be told when it is lost. */
  const held = new Map<
    EngineId,
    { count: number; readonly lost: Deferred.Deferred<void>; readonly renewing: Fiber.Fiber<void> }
  >()

  const ask = (engine: EngineId, askedAt: number | null) =>
    Effect.map(
      database.query("SELECT * FROM take_turn($1, $2, $3, $4)", engine, database.gateway, times.lease, askedAt),
      ([row]) => ({
        at: row!["at"] as number,
        taken: row!["taken"] as boolean,
        found: row!["report"] as string | null,
      }),
    )

  const renewing = (engine: EngineId, lost: Deferred.Deferred<void>) =>
    Effect.gen(function* () {
      let missed = 0
      while (missed < 3) {
        yield* Effect.sleep(times.renewal)
        const rows = yield* Effect.option(
          database.query(
            "UPDATE engines SET lease_until = now_millis() + $3 WHERE engine = $1 AND gateway = $2 AND lease_until >= now_millis() RETURNING 1",
            ...[engine, database.gateway, times.lease],
          ),
        )
        missed = Option.isNone(rows) ? missed + 1 : rows.value.length === 0 ? 3 : 0
      }
      yield* Effect.logWarning(`This gateway's turn at ${engine} is over: it stood still, or the database was away`)
      yield* Deferred.succeed(lost, undefined)
    })

  const keep = Effect.fnUntraced(function* (engine: EngineId) {
    const known = held.get(engine)
    if (known !== undefined && !Deferred.isDoneUnsafe(known.lost)) {
      known.count += 1
      return known
    }
    const lost = yield* Deferred.make<void>()
    const made = { count: 1, lost, renewing: yield* Effect.forkIn(renewing(engine, lost), scope) }
    held.set(engine, made)
    return made
  })

  const give = Effect.fnUntraced(function* (engine: EngineId, turn: Effect.Success<ReturnType<typeof keep>>) {
    turn.count -= 1
    if (turn.count > 0) return
    if (held.get(engine) === turn) held.delete(engine)
    yield* Fiber.interrupt(turn.renewing)
    if (Deferred.isDoneUnsafe(turn.lost)) return
    yield* Effect.ignore(
      database.query(
        "UPDATE engines SET gateway = NULL, lease_until = 0 WHERE engine = $1 AND gateway = $2",
        engine,
        database.gateway,
      ),
    )
  })

  /** Does `work` in a turn that was just taken, for as long as it lasts: nothing where it was lost. */
  const within = <A>(engine: EngineId, work: Effect.Effect<A>): Effect.Effect<Option.Option<A>> =>
    Effect.acquireUseRelease(
      keep(engine),
      ({ lost }) => Effect.raceFirst(Effect.asSome(work), Effect.as(Deferred.await(lost), Option.none())),
      (turn) => give(engine, turn),
    )

  const isMine = (engine: EngineId) => held.has(engine)
  return { ask, within, isMine }
})

/** What gateways tell each other of engines. */
const makeNews = Effect.gen(function* () {
  const database = yield* Database
  const announcements = yield* Announcements
  const telling = yield* Queue.sliding<News>(1_000)

  const write = ({ engine, event, reason }: News) => {
    const short = reason.slice(0, 500)
    const words = JSON.stringify({ gateway: database.gateway, engine, event, reason: short })
    // In one statement, so that who hears of it finds it too.
    return database.query(
      `WITH kept AS (
         INSERT INTO engines (engine, state, reason, state_at) VALUES ($1, $2, $3, now_millis())
         ON CONFLICT (engine) DO UPDATE SET state = excluded.state, reason = excluded.reason, state_at = excluded.state_at
       ) SELECT pg_notify('aviary', $4)`,
      ...[engine, event, short, `state ${words}`],
    )
  }
  yield* Queue.take(telling).pipe(
    Effect.flatMap((news) =>
      Effect.catch(Effect.retry(write(news), { times: 2 }), (error) =>
        Effect.logWarning("The other gateways could not be told of an engine's state", saidBy(error).message),
      ),
    ),
    Effect.forever,
    Effect.forkScoped,
  )

  const known = Effect.map(
    database.query(
      "SELECT engine, state, reason FROM engines WHERE state IS NOT NULL AND state_at > now_millis() - $1",
      newsworthyMillis,
    ),
    (rows) =>
      rows.flatMap((row) =>
        (leadingTo[row["state"] as EngineEvent] ?? []).map((event) => ({
          engine: row["engine"] as EngineId,
          event,
          reason: row["reason"] as string,
        })),
      ),
  )

  const hear = Effect.fnUntraced(function* (learn: (news: News) => Effect.Effect<void>) {
    const heard = yield* Queue.unbounded<string | undefined>()
    yield* announcements.on("state", (words) => Queue.offerUnsafe(heard, words))
    // What was told before this gateway was there.
    yield* Queue.offer(heard, undefined)
    const learnAll = Effect.ignore(Effect.flatMap(known, (all) => Effect.forEach(all, learn, { discard: true })))
    yield* Queue.take(heard).pipe(
      Effect.flatMap((words) => {
        if (words === undefined) return learnAll
        const message = decodeMessage(words)
        if (Option.isNone(message) || message.value.gateway === database.gateway) return Effect.void
        return learn(message.value as News)
      }),
      Effect.forever,
      Effect.forkScoped,
    )
  })

  return {
    hear,
    tell: (news: News) => (told.has(news.event) ? Effect.asVoid(Queue.offer(telling, news)) : Effect.void),
  }
})

/** Examinations, of which one gateway makes each and all have it. */
const makeExamine = Effect.fnUntraced(function* ({ ask, within }: Effect.Success<ReturnType<typeof makeTurns>>) {
  const database = yield* Database
  const announcements = yield* Announcements

  const publish = (report: ProbeReport) =>
    Effect.ignore(
      Effect.andThen(
        database.query(
          "UPDATE engines SET report = $2, reported_at = now_millis() WHERE engine = $1",
          report.engine,
          JSON.stringify(report),
        ),
        announcements.say("report", report.engine),
      ),
    )

  /** Until a report of `engine` is announced, or somebody should look whether the turn is free. */
  const awaitReport = (engine: EngineId) =>
    Effect.gen(function* () {
      const said = yield* Deferred.make<void>()
      yield* announcements.on("report", (words) => {
        if (words === undefined || words === engine) Deferred.doneUnsafe(said, Effect.void)
      })
      yield* Effect.raceFirst(Deferred.await(said), Effect.sleep(1_000))
    }).pipe(Effect.scoped)

  return Effect.fnUntraced(function* (
    engine: EngineId,
    look: Effect.Effect<ProbeReport>,
    adopt: (report: ProbeReport) => Effect.Effect<void>,
  ) {
    let askedAt: number | null = null
    for (;;) {
      const turn: Option.Option<Effect.Success<ReturnType<typeof ask>>> = yield* Effect.option(ask(engine, askedAt))
      // Without the database each looks for itself; none can restart anything then.
      if (Option.isNone(turn)) return yield* look
      if (turn.value.found !== null) {
        const report = JSON.parse(turn.value.found) as ProbeReport
        yield* adopt(report)
        return report
      }
      if (turn.value.taken) {
        const found = yield* within(engine, Effect.tap(look, publish))
        if (Option.isSome(found)) return found.value
      } else {
        if (askedAt === null) yield* Effect.ignore(announcements.say("examine", engine))
        yield* awaitReport(engine)
      }
      askedAt ??= turn.value.at
    }
  })
})

const make = Effect.fnUntraced(function* (times: typeof usual) {
  const database = yield* Database
  const announcements = yield* Announcements
  const turns = yield* makeTurns(times)
  const { ask, within, isMine } = turns
  const news = yield* makeNews

  return {
    ...news,
    examine: yield* makeExamine(turns),
    heal: Effect.fnUntraced(function* (engine: EngineId, healing: Effect.Effect<void>) {
      const turn = yield* Effect.option(ask(engine, null))
      if (Option.isSome(turn) && !turn.value.taken) return
      yield* within(engine, healing)
    }),
    requested: Effect.fnUntraced(function* (look: (engine: EngineId) => Effect.Effect<void>) {
      const wanted = yield* Queue.sliding<EngineId>(100)
      yield* announcements.on("examine", (engine) => {
        if (engine !== undefined && isMine(engine as EngineId)) Queue.offerUnsafe(wanted, engine as EngineId)
      })
      yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(wanted), look)))
    }),
    abandoned: Effect.fnUntraced(function* (takeOver: (engine: EngineId) => Effect.Effect<void>) {
      const seen = new Set<EngineId>()
      const look = Effect.gen(function* () {
        const rows = yield* database.query("SELECT engine FROM engines WHERE lease_until < now_millis()")
        const free = rows.map((row) => row["engine"] as EngineId).filter((engine) => !isMine(engine))
        // Twice in a row: between two pieces of work a turn is free for a moment.
        const twice = free.filter((engine) => seen.has(engine))
        seen.clear()
        for (const engine of free) seen.add(engine)
        yield* Effect.forEach(twice, takeOver, { discard: true })
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(times.watch), Effect.ignore(look))))
    }),
  }
})

export const layerAt = (times: Partial<typeof usual> = {}) => Layer.effect(Rounds, make({ ...usual, ...times }))

/** Turns by leases in the database: one gateway at a time looks after an engine, and another where that one falls silent. */
export const layer = layerAt()
