import { Context, Effect, Layer, Queue, type Scope } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { Database } from "./Database.ts"
import { saidBy } from "./DatabaseError.ts"
import { heard } from "./Silence.ts"

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

const make = Effect.gen(function* () {
  const database = yield* Database
  const hearers = new Map<Hear, string>()
  let listening = false

  const tell = (payload: string) => {
    const [, topic, words] = /^(\S+) ?(.*)$/s.exec(payload) ?? []
    for (const [hear, about] of hearers) if (about === topic) hear(words)
  }
  const missed = () => {
    for (const hear of hearers.keys()) hear(undefined)
  }

  const listen = Effect.gen(function* () {
    const queue = yield* Effect.flatMap(database.connect, (connection) => heard(connection.listen(channel)))
    listening = true
    missed()
    return yield* Effect.forever(Effect.map(Queue.take(queue), ({ payload }) => tell(payload)))
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
    say: (topic, words) => Effect.asVoid(database.query("SELECT pg_notify($1, $2)", channel, `${topic} ${words}`)),
  })
})

/** What gateways that share a database tell each other, through `LISTEN` and `NOTIFY`. It may be missed: nothing may hang on it alone. */
export class Announcements extends Context.Service<Announcements, Service>()("aviary/database/Announcements") {
  static readonly layer = Layer.effect(Announcements, make)
}
