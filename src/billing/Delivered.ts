import { Effect, Schedule } from "effect"
import { Ledger } from "./Ledger.ts"

/** How long the ledger may not know that an answer is out, where no other change carries it there. */
const flushInterval = "1 second"

/** Claims whose answers are out, which the ledger does not know yet. */
export const makeDelivered = Effect.gen(function* () {
  const ledger = yield* Ledger
  const scope = yield* Effect.scope
  const out = new Set<string>()

  const flush = Effect.suspend(() => {
    if (out.size === 0) return Effect.void
    const claims = [...out]
    out.clear()
    return Effect.catch(ledger.run("delivered", { claims }), () =>
      Effect.sync(() => claims.forEach((claim) => out.add(claim))),
    )
  })

  yield* flush.pipe(Effect.schedule(Schedule.spaced(flushInterval)), Effect.forkScoped)

  return {
    note: (claim: string) => Effect.sync(() => void out.add(claim)),
    /** Tells the ledger, if it takes it. */
    flush,
    /** The same along with the change that is about to be asked for, in whose transaction it then is. */
    alongside: Effect.suspend(() =>
      out.size === 0 ? Effect.void : Effect.forkIn(flush, scope, { startImmediately: true }),
    ),
  }
})
