import { Clock, Effect, Metric } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { Admission } from "./Admission.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { type Attempt, EngineProbe } from "./EngineProbe.ts"
import type { ProbeReport } from "./EngineReport.ts"
import { type EngineRecord, EngineStates } from "./EngineStates.ts"
import { Quarantine } from "./Quarantine.ts"

/** Time between a probe's failure and its second try. */
const secondTryAfter = "1 second"

/**
 * A wrong result counts only against an engine that has been right before: a model of another language never is, and no
 * restart would change that.
 */
const isFailure = ({ result }: Attempt, proven: boolean) => result === "failed" || (result === "wrong" && proven)

/**
 * Whether a probe that began at `began`, in `elapsedMillis`, says nothing about the process there is now: a restart began or ended meanwhile, or
 * the old process may still be answering. That one that was wedged works again is not to be expected.
 */
const isOfOldProcess = (outcome: ProbeReport["outcome"], began: number, before: EngineRecord, after: EngineRecord) => {
  const isFromOld = before.era !== after.era
  const mayBeOld = before.settling !== undefined && began < before.settling.until
  const tells = outcome === "wedged" || (outcome === "passed" && (isFromOld || before.settling?.wasWedged === false))
  return tells && (isFromOld || mayBeOld)
}

function verdict(
  { result, detail }: Attempt,
  again = false,
): { readonly outcome: ProbeReport["outcome"]; readonly detail: string } {
  if (again || result === "certain") return { outcome: "wedged", detail }
  if (result === "passed" || result === "loading" || result === "unreachable") return { outcome: result, detail }
  return { outcome: "acquitted", detail }
}

/** Probes an engine in its turn, and applies what that found to its state and to what is quarantined. Gives both. */
export const makeExamination = Effect.gen(function* () {
  const states = yield* EngineStates
  const admission = yield* Admission
  const engineProbe = yield* EngineProbe
  const quarantine = yield* Quarantine

  const tryTwice = Effect.fnUntraced(function* (engine: EngineId) {
    const proven = (yield* states.get(engine)).life > 0
    const first = yield* engineProbe.attempt(engine)
    if (!isFailure(first, proven)) return { ...verdict(first), attempts: 1 }
    yield* Effect.sleep(secondTryAfter)
    const second = yield* engineProbe.attempt(engine)
    return { ...verdict(second, isFailure(second, proven)), attempts: 2 }
  })

  const inItsTurn = Effect.fnUntraced(function* (engine: EngineId) {
    const came = yield* admission.probeTurn(engine)
    if (!came) return { outcome: "acquitted" as const, detail: "it was busy with requests all the time", attempts: 0 }
    return yield* tryTwice(engine)
  }, Effect.scoped)

  return Effect.fnUntraced(function* (engine: EngineId) {
    const at = yield* Clock.currentTimeMillis
    const began = yield* elapsedMillis
    const before = yield* states.get(engine)
    const seen = yield* inItsTurn(engine)
    const isOld = isOfOldProcess(seen.outcome, began, before, yield* states.get(engine))
    const detail = `${seen.detail}; this may still be the process from before the restart`
    const found = isOld ? ({ ...seen, outcome: "acquitted", detail } as const) : seen
    if (found.outcome !== "wedged" && found.outcome !== "acquitted") yield* states.settle(engine)
    const report: ProbeReport = { engine, at, durationMillis: (yield* Clock.currentTimeMillis) - at, ...found }
    yield* Metric.update(Metric.withAttributes(Metrics.engineProbes, { engine, outcome: report.outcome }), 1)
    yield* states.addProbe(report)
    if (report.outcome === "acquitted")
      yield* Effect.logWarning(`the probe of ${engineName(engine)} could not tell: ${report.detail}`)
    yield* quarantine.verdict(engine, report.outcome === "wedged")
    // A probe whose turn never came has not met the engine; it only ends a suspicion.
    const isNews = report.attempts > 0 || (yield* states.get(engine)).state === "suspect"
    const { state } = yield* isNews ? states.apply(engine, report.outcome, report.detail) : states.get(engine)
    return { report, state }
  })
})
