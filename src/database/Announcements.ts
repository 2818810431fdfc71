import { Context, Effect, Layer, Queue, Scope } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { Database } from "./Database.ts"
import { saidBy } from "./DatabaseError.ts"
import { heard, saysNothing } from "./Silence.ts"

/** What all gateways on a database say and hear on: `<topic> <words>`. */
const channel = "aviary"

/** `undefined` where something may have been missed, since nothing was heard for a while. */
type Hear = (words: string | undefined) => void

interface Service {
  /** Whether what is said now is heard. */
  readonly listening: () => boolean
  /** Hears what is said on `topic`, by this gateway too, for as long as the scope is open. */
  readonly on: (topic: string, hear: Hear) => Effect.Effect<void, never, Scope.Scope>
  /** Tells all gateways. What a transaction announces by `pg_notify` is told when it is committed. */
  readonly say: (topic: string, words: string) => Effect.Effect<void, SqlError>
}

const pause = "200 millis"

/** How often each gateway says that it is there. Whoever did not hear that much hears nothing any more, though its connection looks well. */
const beat = "5 seconds"

const make = Effect.gen(function* () {
  const database = yield* Database
  const hearers = new Map<Hear, string>()
  let listening = false
  let told = 0

  const say: Service["say"] = (topic, words) =>
    Effect.asVoid(database.query("SELECT pg_notify($1, $2)", channel, `${topic} ${words}`))
  const tell = (payload: string) => {
    told += 1
    const [, topic, words] = /^(\S+) ?(.*)$/s.exec(payload) ?? []
    for (const [hear, about] of hearers) if (about === topic) hear(words)
  }
  const missed = () => {
    for (const hear of hearers.keys()) hear(undefined)
  }

  /** Fails. */
  const untilDeaf = Effect.forever(
    Effect.gen(function* () {
      const before = told
      yield* say("beat", database.gateway)
      yield* Effect.sleep(beat)
      if (told === before) return yield* saysNothing()
    }),
  )

  const listen = Effect.gen(function* () {
    // Closed after the connection: on one that is open the end of listening is said, and waits for an answer.
    const hearing = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    const connection = yield* database.connect
    const queue = yield* heard(Scope.provide(connection.listen(channel), hearing))
    listening = true
    missed()
    const hear = Effect.forever(Effect.map(Queue.take(queue), ({ payload }) => tell(payload)))
    return yield* Effect.raceFirst(hear, untilDeaf)
  }).pipe(
    Effect.scoped,
    Effect.catch((error: SqlError) =>
      Effect.logDebug("The database's announcements are not heard", saidBy(error).message),
    ),
    Effect.ensuring(
      Effect.sync(() => {
        listening = false
        missed()
      }),
    ),
    Effect.andThen(Effect.sleep(pause)),
    Effect.forever,
  )
  yield* Effect.forkScoped(listen)

  return Announcements.of({
    listening: () => listening,
    on: (topic, hear) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => hearers.set(hear, topic)),
          () => Effect.sync(() => hearers.delete(hear)),
        ),
      ),
    say,
  })
})

/** What gateways that share a database tell each other, through `LISTEN` and `NOTIFY`. It may be missed: nothing may hang on it alone. */
export class Announcements extends Context.Service<Announcements, Service>()("aviary/database/Announcements") {
  static readonly layer = Layer.effect(Announcements, make)
}
