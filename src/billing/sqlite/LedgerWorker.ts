import { Effect, Result } from "effect"
import { workerData } from "node:worker_threads"
import { serve } from "../../workers/WorkerServer.ts"
import { LedgerRpcs, type LedgerWorkerData } from "./LedgerRpcs.ts"
import { openBook, type SqliteBook } from "./SqliteBook.ts"
import { reasonOf } from "./SqliteDialect.ts"

const handlers = LedgerRpcs.toLayer(
  Effect.gen(function* () {
    let book: SqliteBook | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => book?.close()))
    // At the first call rather than here: a thread that cannot start says nothing of why, and a ledger that could not be opened may open later.
    const opened = (checked: boolean) =>
      Effect.result(
        Effect.try({
          try: () => (book ??= openBook({ ...(workerData as LedgerWorkerData), checked })),
          catch: (error) => reasonOf(error),
        }),
      )
    return {
      Open: () => Effect.map(opened(false), (ledger) => (Result.isSuccess(ledger) ? null : ledger.failure)),
      // Asked for first only in a thread that replaces another.
      Apply: ({ asked }) =>
        Effect.map(opened(true), (ledger) =>
          Result.isSuccess(ledger)
            ? { answered: ledger.success.apply(asked), commits: ledger.success.commits() }
            : { answered: asked.map(() => ({ refused: ledger.failure })), commits: 0 },
        ),
    }
  }),
)

serve(LedgerRpcs, handlers)
