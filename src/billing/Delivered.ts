import { Effect, Schedule, Semaphore } from "effect"
import { Ledger } from "./Ledger.ts"
import { Receipts } from "./Receipts.ts"

/** How long the ledger may not know that an answer is out, where no other change carries it there. */
const flushInterval = "1 second"

/** Claims whose answers are out, which the ledger does not know yet. */
export const makeDelivered = Effect.gen(function* () {
  const ledger = yield* Ledger
  const receipts = yield* Receipts
  const scope = yield* Effect.scope
  const telling = yield* Semaphore.make(1)
  const out = new Set<string>()

  const tell = Effect.suspend(() => {
    if (out.size === 0) return Effect.void
    const claims = [...out]
    out.clear()
    return receipts.along(ledger.run("delivered", { claims })).pipe(
      Effect.catch(() => Effect.sync(() => claims.forEach((claim) => out.add(claim)))),
      Effect.asVoid,
    )
  })

  const flush = telling.withPermits(1)(tell)
  yield* flush.pipe(Effect.schedule(Schedule.spaced(flushInterval)), Effect.forkScoped)

  return {
    note: (claim: string) =>
      Effect.andThen(
        Effect.sync(() => out.add(claim)),
        receipts.write(claim),
      ),
    /** Tells the ledger, if it takes it. */
    flush,
    /** The same along with the change that is about to be asked for, in whose transaction it then is; unless it is being told already. */
    alongside: Effect.suspend(() =>
      out.size === 0
        ? Effect.void
        : Effect.forkIn(telling.withPermitsIfAvailable(1)(tell), scope, { startImmediately: true }),
    ),
  }
})
