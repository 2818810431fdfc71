import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Layer, Option, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import { Settings } from "../Settings.ts"
import type { EngineId } from "./EngineId.ts"
import type { BudgetStatus } from "./EngineReport.ts"
import { Fleet } from "./Fleet.ts"
import { BudgetSpent, HealthError } from "./HealthError.ts"
import { type JournalRecord, RestartJournal } from "./RestartJournal.ts"

/**
 * At most so many restarts of an engine in any window, whoever asks. A semaphore in which a permit comes back one window
 * after its restart was over; the journal keeps count across starts and between gateways that share a data directory.
 *
 * - `use`: runs `restart` with a permit. Fails with `BudgetSpent` or `JournalFailed` before anything is restarted. The
 *   permit is back at once if `restart` fails in a way that rules a restart out; interruption does not.
 * - `awaitPermit`: until a restart is possible again.
 * - `lastRestart`: Unix milliseconds at which the newest restart ended, by any gateway of the journal; later than now while
 *   one is under way. Only those that still count.
 * - `restore`: all permits back now, on an operator's word. Other gateways notice at their next start.
 */
interface Budget {
  readonly use: <A>(
    engine: EngineId,
    reason: string,
    restart: Effect.Effect<A, HealthError>,
  ) => Effect.Effect<A, HealthError>
  readonly awaitPermit: (engine: EngineId) => Effect.Effect<void>
  readonly lastRestart: (engine: EngineId) => Effect.Effect<number | undefined>
  readonly restore: (engine: EngineId, reason: string) => Effect.Effect<void, HealthError>
  readonly status: (engine: EngineId) => Effect.Effect<BudgetStatus>
}

/** Limit, window and, in milliseconds, how long a restart whose end nobody wrote down may have taken. */
export interface BudgetRules {
  readonly limit: number
  readonly windowMillis: number
  readonly unendedMillis: number
}

/**
 * The permits of `engine` that are out, by claim, with the Unix time at which each is back. A claim counts if fewer than
 * `limit` were out when it was written, which only the records before it decide: so gateways that append at the same
 * moment all reach the same answer, without a lock.
 */
export function permitsOut(
  records: ReadonlyArray<JournalRecord>,
  engine: EngineId,
  rules: BudgetRules,
  now: number,
): Map<string, number> {
  const out = new Map<string, number>()
  // What was written before cannot be later, but by a clock that ran ahead. It must not lock the budget for longer than a
  // restart just begun would.
  const noLaterThan = (at: number) => {
    const latest = at + rules.unendedMillis + rules.windowMillis
    for (const [id, until] of out) out.set(id, Math.min(until, latest))
  }
  for (const record of records) {
    noLaterThan(record.at)
    if (record.type === "clock" || record.engine !== engine) continue
    switch (record.type) {
      case "claimed":
        dropBack(out, record.at)
        if (out.size < rules.limit) out.set(record.id, record.at + rules.unendedMillis + rules.windowMillis)
        break
      case "ended":
        if (out.has(record.id)) out.set(record.id, record.at + rules.windowMillis)
        break
      case "returned":
        out.delete(record.id)
        break
      case "restored":
        out.clear()
    }
  }
  dropBack(out, now)
  noLaterThan(now)
  return out
}

const dropBack = (out: Map<string, number>, now: number) => {
  for (const [id, until] of out) if (until <= now) out.delete(id)
}

/** How far the clocks of machines that share a journal may be apart. */
const clocksDisagreeMillis = 60_000

/** The permits that each engine has left, and the journal's word on those that are out. */
const makePermits = Effect.gen(function* () {
  const settings = yield* Settings
  const { members } = yield* Fleet
  const journal = yield* RestartJournal
  const scope = yield* Effect.scope
  const limit = settings.restartLimit
  const windowMillis = Duration.toMillis(settings.restartWindow)
  const rules: BudgetRules = { limit, windowMillis, unendedMillis: Duration.toMillis(settings.restartTimeout) }
  const budgets = new Map(
    members.map(({ id }) => [id, { permits: Semaphore.makeUnsafe(limit), returning: new Set<Fiber.Fiber<void>>() }]),
  )
  const budgetOf = (engine: EngineId) => budgets.get(engine)!

  const out = Effect.fnUntraced(function* (engine: EngineId) {
    const records = [...(yield* journal.read)]
    const at = yield* Clock.currentTimeMillis
    const last = records.at(-1)
    if (last !== undefined && last.at > at + clocksDisagreeMillis) {
      // Without it the wait would begin anew whenever somebody looks.
      yield* journal.append({ type: "clock", at })
      yield* Effect.logWarning("The restart journal's last record is of a time to come: the clock was set back")
      records.push({ type: "clock", at })
    }
    return permitsOut(records, engine, rules, at)
  })

  const giveBackAfter = Effect.fnUntraced(function* (engine: EngineId, millis: number) {
    const { permits, returning } = budgetOf(engine)
    const fiber: Fiber.Fiber<void> = yield* Effect.sleep(millis).pipe(
      Effect.andThen(Effect.suspend(() => (returning.delete(fiber), permits.release(1)))),
      Effect.asVoid,
      Effect.forkIn(scope),
    )
    returning.add(fiber)
  })

  const status = Effect.fnUntraced(function* (engine: EngineId) {
    const held = yield* Effect.orElseSucceed(out(engine), () => undefined)
    const times = Array.from(held?.values() ?? []).toSorted((a, b) => a - b)
    const left = held === undefined ? 0 : Math.max(0, limit - times.length)
    return { limit, left, windowMillis, availableAtMillis: left > 0 ? undefined : times[times.length - limit] }
  })

  /** Takes the permits that the journal says are out. */
  const takeThoseOut = Effect.fnUntraced(function* (engine: EngineId) {
    const now = yield* Clock.currentTimeMillis
    const held = yield* out(engine).pipe(
      Effect.catch((error) =>
        Effect.as(
          Effect.logError("the restart journal cannot be read: no engine will be restarted", error),
          new Map<string, number>(),
        ),
      ),
    )
    const latest = Array.from(held.values())
      .toSorted((a, b) => a - b)
      .slice(-limit)
    yield* budgetOf(engine).permits.take(latest.length)
    for (const until of latest) yield* giveBackAfter(engine, until - now)
  })

  for (const { id } of members) yield* takeThoseOut(id)
  return { limit, windowMillis, budgetOf, out, giveBackAfter, status }
})

/** `Budget.use`: a claim in the journal before the restart, its end or its return after. */
const makeUse = Effect.fnUntraced(function* (books: Effect.Success<typeof makePermits>) {
  const { budgetOf, giveBackAfter, limit, out, status, windowMillis } = books
  const journal = yield* RestartJournal

  const written = (record: JournalRecord) =>
    journal
      .append(record)
      .pipe(
        Effect.catch((error) =>
          Effect.logError(`restart budget: ${error.reason._tag} while writing "${record.type}"`, error),
        ),
      )

  const spent = Effect.fnUntraced(function* (engine: EngineId) {
    const { availableAtMillis } = yield* status(engine)
    const now = yield* Clock.currentTimeMillis
    return yield* new HealthError({
      reason: new BudgetSpent({ engine, limit, windowMillis, availableAtMillis: availableAtMillis ?? now }),
    })
  })

  const claim = Effect.fnUntraced(function* (engine: EngineId, id: string, reason: string) {
    yield* journal.append({ type: "claimed", id, engine, at: yield* Clock.currentTimeMillis, reason })
    return (yield* out(engine)).has(id)
  })

  const use: Budget["use"] = (engine, reason, restart) =>
    Effect.uninterruptibleMask((interruptible) =>
      Effect.gen(function* () {
        const { permits } = budgetOf(engine)
        if (!(yield* permits.takeIfAvailable(1))) return yield* spent(engine)
        const id = randomUUID()
        const granted = yield* claim(engine, id, reason).pipe(Effect.onError(() => permits.release(1)))
        if (!granted) {
          yield* permits.release(1)
          return yield* spent(engine)
        }
        const exit = yield* Effect.exit(interruptible(restart))
        const at = yield* Clock.currentTimeMillis
        if (isRuledOut(exit)) {
          yield* written({ type: "returned", id, engine, at })
          yield* permits.release(1)
        } else {
          yield* written({ type: "ended", id, engine, at })
          yield* giveBackAfter(engine, windowMillis)
        }
        return yield* exit
      }),
    )
  return use
})

const make = Effect.gen(function* () {
  const books = yield* makePermits
  const { budgetOf, out, status, windowMillis } = books
  const journal = yield* RestartJournal

  const service: Budget = {
    use: yield* makeUse(books),
    awaitPermit: Effect.fn("RestartBudget.awaitPermit")(function* (engine) {
      for (;;) {
        yield* budgetOf(engine).permits.withPermits(1)(Effect.void)
        const { left, availableAtMillis } = yield* status(engine)
        if (left > 0) return
        const now = yield* Clock.currentTimeMillis
        // Others hold the permits, or the journal cannot be read: look again when it may have changed.
        yield* Effect.sleep(Math.max(1_000, (availableAtMillis ?? now + 60_000) - now))
      }
    }),
    lastRestart: (engine) =>
      out(engine).pipe(
        Effect.map((held) => (held.size === 0 ? undefined : Math.max(...held.values()) - windowMillis)),
        Effect.orElseSucceed(() => undefined),
      ),
    restore: Effect.fn("RestartBudget.restore")(function* (engine, reason) {
      yield* journal.append({ type: "restored", engine, at: yield* Clock.currentTimeMillis, reason })
      const { permits, returning } = budgetOf(engine)
      const fibers = Array.from(returning)
      returning.clear()
      yield* Fiber.interruptAll(fibers)
      yield* permits.release(fibers.length)
      yield* Effect.logWarning(`the restart budget of ${engine} was restored by hand: ${reason}`)
    }, Effect.uninterruptible),
    status,
  }
  return service
})

/** See `Budget`. */
export class RestartBudget extends Context.Service<RestartBudget, Budget>()("aviary/health/RestartBudget") {
  static readonly layer = Layer.effect(RestartBudget, make)
}

/** Whether `error` says that nothing can have been restarted. */
export const rulesOut = ({ reason }: HealthError): boolean =>
  reason._tag === "NotRunning" || reason._tag === "NoBackend" || (reason._tag === "RestartFailed" && !reason.attempted)

/** The same of an end: interruption and defects leave it open. */
const isRuledOut = <A>(exit: Exit.Exit<A, HealthError>): boolean =>
  Exit.isFailure(exit) && Option.exists(Cause.findErrorOption(exit.cause), rulesOut)
