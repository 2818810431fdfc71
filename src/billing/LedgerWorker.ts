import { Effect, Layer } from "effect"
import { workerData } from "node:worker_threads"
import { serve } from "../workers/WorkerServer.ts"
import { LedgerUnavailable } from "./BillingError.ts"
import { LedgerRpcs, type LedgerWorkerData } from "./LedgerRpcs.ts"
import { type Book, openBook } from "./sqlite/Book.ts"
import { reasonOf } from "./sqlite/Refusal.ts"

const handlers = LedgerRpcs.toLayer(
  Effect.gen(function* () {
    let book: Book | undefined
    yield* Effect.addFinalizer(() => Effect.sync(() => book?.close()))
    // At the first call rather than here: a thread that cannot start says nothing of why, and a ledger that could not be opened may open later.
    const opened = Effect.try({
      try: () => (book ??= openBook(workerData as LedgerWorkerData)),
      catch: (error) => {
        const reason = reasonOf(error)
        return reason instanceof LedgerUnavailable
          ? reason
          : new LedgerUnavailable({ kind: "failed", message: reason._tag })
      },
    })
    return {
      Open: () => Effect.asVoid(opened),
      Apply: ({ asked }) =>
        Effect.map(opened, (ledger) => ({ answered: ledger.apply(asked), commits: ledger.commits() })),
    }
  }),
)

serve(LedgerRpcs, handlers as Layer.Layer<Layer.Success<typeof handlers>>)
