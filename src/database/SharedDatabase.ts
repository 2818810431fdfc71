import { Context, Effect, Layer } from "effect"
import { Settings } from "../Settings.ts"
import { Announcements } from "./Announcements.ts"
import { Database } from "./Database.ts"

/** What gateways share, or undefined: this one keeps all it knows in its data directory. */
const SharedDatabase = Context.Reference<Context.Context<Database | Announcements> | undefined>(
  "aviary/database/SharedDatabase",
  { defaultValue: () => undefined },
)

/** Shared where `AVIARY_DATABASE_URL` says so. */
export const layer = Layer.effect(
  SharedDatabase,
  Effect.gen(function* () {
    const { databaseUrl } = yield* Settings
    if (databaseUrl === undefined) return undefined
    return yield* Layer.build(Announcements.layer.pipe(Layer.provideMerge(Database.layerAt(databaseUrl))))
  }),
)

/** `together` where gateways share a database, `alone` where this one does not. */
export const whereShared = <A, E1, R1, E2, R2>(
  together: Layer.Layer<A, E1, R1>,
  alone: Layer.Layer<A, E2, R2>,
): Layer.Layer<A, E1 | E2, Exclude<R1, Database | Announcements> | R2> =>
  Layer.unwrap(
    Effect.map(SharedDatabase, (shared): Layer.Layer<A, E1 | E2, Exclude<R1, Database | Announcements> | R2> =>
      shared === undefined ? alone : Layer.provide(together, Layer.succeedContext(shared)),
    ),
  )
