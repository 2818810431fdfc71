import { Clock, DateTime, Duration, Effect, Metric, Random, Result } from "effect"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { EngineProbe } from "./EngineProbe.ts"
import { takesRequests } from "./EngineState.ts"
import type { ProbeReport, RestartReport } from "./EngineReport.ts"
import { EngineStates } from "./EngineStates.ts"
import { HealthError } from "./HealthError.ts"
import { RestartBudget, rulesOut } from "./RestartBudget.ts"
import { Restarter } from "./Restarter.ts"

/** `DeepHealth.probe`, which also applies what it finds. */
type Probe = (engine: EngineId) => Effect.Effect<ProbeReport>

/** First wait before a failed restart is tried again; it doubles up to the probe interval. */
const firstBackoffMillis = 5_000

/** Waits between looks at an engine that is starting. While its old process may answer, the gap between the two must show. */
const readiness = { firstMillis: 500, factor: 1.5, mostMillis: 10_000, mostWhileSettlingMillis: 500 }

/** How long the old process may answer on after a restart: twice as long with each that did not help. */
const makeSettleMillis = Effect.gen(function* () {
  const { recoveryTimeout, restartSettle } = yield* Settings
  const budget = yield* RestartBudget
  const restarter = yield* Restarter

  return Effect.fnUntraced(function* (engine: EngineId, isDone: boolean) {
    if (isDone && restarter.isSynchronous(engine)) return 0
    const { left, limit } = yield* budget.status(engine)
    const doubled = Duration.toMillis(restartSettle) * 2 ** Math.max(0, limit - left - 1)
    return Math.min(doubled, Duration.toMillis(recoveryTimeout))
  })
})

const makeRestartOnce = Effect.gen(function* () {
  const states = yield* EngineStates
  const restarter = yield* Restarter
  const settleMillis = yield* makeSettleMillis

  return Effect.fn("Healing.restartOnce")(function* (engine: EngineId, reason: string) {
    const at = yield* Clock.currentTimeMillis
    const wasWedged = !takesRequests((yield* states.get(engine)).state)
    const began = Effect.asVoid(states.apply(engine, "restarting", reason))
    const result = yield* Effect.result(restarter.restart(engine, reason, began))
    if (Result.isFailure(result) && isNoTry(result.failure)) return yield* result.failure
    const outcome = Result.isSuccess(result) ? "restarted" : "failed"
    const detail = Result.isSuccess(result) ? result.success : messageOf(result.failure)
    const report: RestartReport = {
      engine,
      at,
      durationMillis: (yield* Clock.currentTimeMillis) - at,
      backend: restarter.backend(engine),
      reason,
      outcome,
      detail,
    }
    if (Result.isSuccess(result) || !rulesOut(result.failure)) {
      const until = (yield* elapsedMillis) + (yield* settleMillis(engine, Result.isSuccess(result)))
      yield* states.settle(engine, { until, wasWedged })
    }
    yield* states.apply(engine, outcome === "restarted" ? "restarted" : "restartFailed", detail)
    yield* states.addRestart(report)
    yield* Metric.update(Metric.withAttributes(Metrics.engineRestarts, { engine, outcome }), 1)
    if (Result.isFailure(result)) {
      yield* Effect.logError(`${engineName(engine)} was not restarted: ${detail}`)
      return yield* result.failure
    }
    return report
  })
})

/** Ends when `wait` does, or as soon as the engine's state is another. */
const makeUnlessChanged = Effect.gen(function* () {
  const states = yield* EngineStates

  return Effect.fnUntraced(function* (engine: EngineId, wait: Effect.Effect<void>) {
    const { state } = yield* states.get(engine)
    yield* Effect.raceFirst(
      wait,
      states.until(engine, (now) => now !== state),
    )
  })
})

/** Waits for readiness and for a probe that passes, until the state is another or the time for it has run out. */
const makeRecover = Effect.fnUntraced(function* (probe: Probe) {
  const { recoveryTimeout } = yield* Settings
  const states = yield* EngineStates
  const engineProbe = yield* EngineProbe
  const unlessChanged = yield* makeUnlessChanged

  return Effect.fnUntraced(function* (engine: EngineId, wedged: boolean) {
    const deadline = (yield* elapsedMillis) + Duration.toMillis(recoveryTimeout)
    let pause = readiness.firstMillis
    while ((yield* elapsedMillis) < deadline) {
      if (yield* engineProbe.ready(engine)) yield* probe(engine)
      else yield* states.settle(engine)
      const { settling, state } = yield* states.get(engine)
      if (state !== "recovering") return "changed"
      yield* unlessChanged(engine, Effect.sleep(pause))
      const isSettling = settling !== undefined && (yield* elapsedMillis) < settling.until
      pause = Math.min(pause * readiness.factor, isSettling ? readiness.mostWhileSettlingMillis : readiness.mostMillis)
    }
    const limit = Duration.format(recoveryTimeout)
    yield* states.apply(engine, wedged ? "gaveUp" : "lost", `no probe passed within ${limit} of its start`)
    return "gaveUp"
  })
})

/**
 * Until when, in `elapsedMillis`, a restart by another gateway, or by this one before it was itself restarted, explains
 * what the last probe saw. Undefined where the probe began later. Of its own restarts a gateway knows more: `settling`.
 */
const makeExplainedUntil = Effect.gen(function* () {
  const { recoveryTimeout } = yield* Settings
  const states = yield* EngineStates
  const budget = yield* RestartBudget
  const settleMillis = yield* makeSettleMillis

  return Effect.fnUntraced(function* (engine: EngineId) {
    const last = yield* budget.lastRestart(engine)
    if (last === undefined) return undefined
    const { probes, restarts, since } = yield* states.get(engine)
    const own = restarts.at(-1)
    if (own !== undefined && last <= own.at + own.durationMillis) return undefined
    const probe = probes.at(-1)
    const seenAt = probe?.outcome === "wedged" ? probe.at : since
    const until = last + (yield* settleMillis(engine, true))
    if (seenAt >= until) return undefined
    const left = until - (yield* Clock.currentTimeMillis)
    return (yield* elapsedMillis) + Math.min(left, Duration.toMillis(recoveryTimeout))
  })
})

/**
 * How a wedged engine becomes healthy.
 *
 * - `restartOnce`: one restart within the budget, written into the engine's record.
 * - `heal`: restarts, waits for readiness, probes, and starts over, until the engine is healthy or was only `down`.
 *   At most one per engine may run.
 */
export const makeHealing = Effect.fnUntraced(function* (probe: Probe) {
  const { probeInterval } = yield* Settings
  const states = yield* EngineStates
  const budget = yield* RestartBudget
  const restartOnce = yield* makeRestartOnce
  const unlessChanged = yield* makeUnlessChanged
  const recover = yield* makeRecover(probe)
  const explainedUntil = yield* makeExplainedUntil

  const backoff = Effect.fnUntraced(function* (turn: number) {
    const millis = Math.min(firstBackoffMillis * 2 ** Math.min(turn, 20), Duration.toMillis(probeInterval))
    yield* Effect.sleep(millis * (1 + 0.25 * (yield* Random.next)))
  })

  /** After a wait nothing is restarted on old evidence: probes until one can tell. */
  const reconfirm = Effect.fnUntraced(function* (engine: EngineId) {
    for (let turn = 0; ; turn++) {
      const { outcome } = yield* probe(engine)
      if (outcome !== "acquitted") return
      yield* unlessChanged(engine, backoff(turn))
    }
  })

  const heal = Effect.fn("Healing.heal")(function* (engine: EngineId) {
    let wedged = false
    let waitedInVain = false
    for (let failures = 0; ;) {
      const { state, reason } = yield* states.get(engine)
      if (state === "recovering") {
        waitedInVain = (yield* recover(engine, wedged)) === "gaveUp"
        failures = 0
      } else if (state === "exhausted") {
        yield* unlessChanged(engine, budget.awaitPermit(engine))
        yield* states.apply(engine, "restored", "a restart is possible again")
        yield* reconfirm(engine)
      } else if (state === "wedged") {
        wedged = true
        const until = waitedInVain ? undefined : yield* explainedUntil(engine)
        waitedInVain = false
        if (until !== undefined) {
          yield* states.settle(engine, { until, wasWedged: true })
          yield* states.apply(
            engine,
            "loading",
            "it has just been restarted, and what was seen may be from before that",
          )
          continue
        }
        const result = yield* Effect.result(restartOnce(engine, reason))
        if (Result.isSuccess(result)) continue
        if (result.failure.reason._tag === "BudgetSpent") {
          yield* states.apply(engine, "spent", messageOf(result.failure))
        } else {
          if (failures === 0) yield* Effect.logError(`${engineName(engine)} stays wedged: ${messageOf(result.failure)}`)
          yield* unlessChanged(engine, backoff(failures++))
          yield* reconfirm(engine)
        }
      } else {
        return
      }
    }
  })

  return { restartOnce, heal }
})

/** Whether nothing was even tried, so that there is no restart to report. */
const isNoTry = ({ reason }: HealthError) =>
  ["BudgetSpent", "NoBackend", "JournalFailed", "RestartUnderWay"].includes(reason._tag)

/** One line for operators. */
function messageOf({ reason }: HealthError): string {
  switch (reason._tag) {
    case "BudgetSpent":
      return `all ${reason.limit} restarts within ${Duration.format(Duration.millis(reason.windowMillis))} are spent; the next is possible at ${DateTime.formatIso(DateTime.makeUnsafe(reason.availableAtMillis))}`
    case "RestartUnderWay":
      return `${engineName(reason.engine)} is being restarted already`
    case "QueueFull":
      return `${reason.waiting} requests already wait for ${engineName(reason.engine)}`
    case "QueueWaitTimedOut":
      return `${engineName(reason.engine)} was busy for ${Duration.format(Duration.millis(reason.waitedMillis))}`
    default:
      return reason.message
  }
}
