import { Clock, Effect } from "effect"
import { Ledger } from "./Ledger.ts"

/**
 * The holds whose requests are under way, by id. The expiry of each is put off every third of its time, until it is taken out of the set
 * or has ended. One fiber does it for all: most requests are over before the first time.
 */
export const makeRenewals = Effect.fnUntraced(function* (holdMillis: number) {
  const ledger = yield* Ledger
  const held = new Set<string>()

  const renew = (holdId: string) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      ledger.run("renew", { holdId, expiresAt: now + holdMillis, now }),
    ).pipe(
      Effect.map(({ live }) => void (live || held.delete(holdId))),
      Effect.catch((error) => Effect.logWarning("A hold could not be renewed; it is tried again", error.message)),
    )

  yield* Effect.suspend(() => Effect.forEach(held, renew, { concurrency: "unbounded", discard: true })).pipe(
    Effect.delay(holdMillis / 3),
    Effect.forever,
    Effect.forkScoped,
  )
  return held
})
