import { Effect, Exit, Scope } from "effect"
import { afterAll } from "vitest"
import { type Postgres, startPostgres } from "./postgres.ts"

let shared: Promise<Postgres> | undefined
const life = Scope.makeUnsafe()
afterAll(() => Effect.runPromise(Scope.close(life, Exit.void)), 60_000)

/** The server of a test file: started by the first of its tests that wants one, gone after the last. */
export const sharedPostgres: Effect.Effect<Postgres> = Effect.promise(
  () => (shared ??= Effect.runPromise(Scope.provide(startPostgres(), life))),
)

/** The URL of a database of its own on that server. */
export const newDatabase = Effect.flatMap(sharedPostgres, ({ database }) => database)
