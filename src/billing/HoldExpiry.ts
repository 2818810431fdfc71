import { Clock, Effect, Metric, Option } from "effect"
import { Neighbours } from "../scratch/Neighbours.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
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

/** Milliseconds that the clock was set ahead by since it was last asked, or since this was made; below zero: set back. */
const makeSetAhead = Effect.gen(function* () {
  const look = Effect.all({ wall: Clock.currentTimeMillis, passed: elapsedMillis })
  let last = yield* look
  return Effect.map(look, (now) => {
    const ahead = now.wall - last.wall - (now.passed - last.passed)
    last = now
    return ahead
  })
})

const reapLimit = 1000

/**
 * One round of expiring holds whose owners are gone. After the clock was set ahead it renews the `open` ones instead, which look overdue;
 * other gateways leave ours alone for as long.
 */
export const makeHoldReaper = Effect.fnUntraced(function* (holdMillis: number, open: () => ReadonlyArray<string>) {
  const ledger = yield* Ledger
  const reap = Effect.fnUntraced(function* (alone = false) {
    const now = yield* Clock.currentTimeMillis
    const { expired } = yield* ledger.run("reap", { now, limit: reapLimit, alone }).pipe(
      Effect.tap((done) => Metric.update(Metrics.holdsExpired, done.expired)),
      Effect.tap((done) => Metric.update(Metrics.refunds, done.refunded)),
      Effect.repeat({ until: (done) => Math.max(done.expired, done.refunded, done.forgotten) < reapLimit }),
    )
    if (expired > 0) yield* Effect.logWarning(`${expired} holds expired: their owners are gone`)
  })

  const keepOpen = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.forEach(
      open(),
      (holdId) => Effect.ignore(ledger.run("renew", { holdId, expiresAt: now + holdMillis, now })),
      { discard: true, concurrency: "unbounded" },
    ),
  ).pipe(Effect.andThen(Effect.logWarning("The clock was set ahead: no hold expires for a minute")))

  const setAhead = yield* makeSetAhead
  // Alone on a ledger in the data directory, a gateway that starts knows that whoever held something is gone: what a crash kept back
  // is paid back at once. On a ledger elsewhere, neighbours in the data directory are not all there are.
  const neighbours = yield* Effect.serviceOption(Neighbours)
  yield* reap(Option.isSome(neighbours) && (yield* neighbours.value.alone)).pipe(
    // Among others that are busy there is nothing that cannot wait for the next round.
    Effect.catchIf(
      (error) => error.isLocked,
      ({ message }) => Effect.logWarning("What is overdue could not be looked for; it is tried again", message),
    ),
  )
  return Effect.flatMap(setAhead, (millis) => (millis > holdMillis / 3 ? keepOpen : reap()))
})
