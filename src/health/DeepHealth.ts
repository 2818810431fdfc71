import {
  Cause,
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Fiber,
  FiberMap,
  Layer,
  Metric,
  Option,
  Random,
} from "effect"
import { Settings } from "../Settings.ts"
import { withoutCredentials } from "../upstream/EngineUrl.ts"
import { Admission } from "./Admission.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { type EngineState, isAsleep, refusesRequests } from "./EngineState.ts"
import { type EngineRecord, type EngineReport, type ProbeReport, type RestartReport } from "./EngineReport.ts"
import { EngineStates, Rounds } from "./EngineStates.ts"
import { Fleet } from "./Fleet.ts"
import { makeHealing } from "./Healing.ts"
import { HealthError, RestartUnderWay } from "./HealthError.ts"
import { RestartBudget } from "./RestartBudget.ts"
import { Restarter } from "./Restarter.ts"
import { Quarantine } from "./Quarantine.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { type Attempt, EngineProbe } from "./EngineProbe.ts"

/** The first scheduled probe waits for the start to be over: about this long, twice at most. */
const firstProbeMillis = 15_000

/** How soon an engine that nobody listens for is looked for again. */
const downProbeMillis = 15_000

/**
 * Knows by real inference whether the engines work, and heals those that do not.
 *
 * - `probe`: one probe now, or the one that is under way, whoever asked for it. Interrupting it leaves the probe alone.
 * - `suspect`: a request met what looks like a wedge. Returns at once; one probe runs in the background.
 * - `look`: the same without suspicion: requests go on meanwhile.
 * - `restart`: an operator's restart, within the budget. Returns when the backend is done; recovery goes on behind.
 * - `state`: an engine's state at this moment.
 * - `heal`: waits for an engine that starts to be ready and to pass a probe. Returns at once.
 * - `restore`: gives an engine's restart budget back.
 */
interface Doctor {
  readonly probe: (engine: EngineId) => Effect.Effect<ProbeReport>
  readonly suspect: (engine: EngineId, reason: string) => Effect.Effect<void>
  readonly look: (engine: EngineId) => Effect.Effect<void>
  readonly restart: (engine: EngineId, reason: string) => Effect.Effect<RestartReport, HealthError>
  readonly state: (engine: EngineId) => EngineState
  readonly heal: (engine: EngineId) => Effect.Effect<void>
  readonly restore: (engine: EngineId, reason: string) => Effect.Effect<void, HealthError>
  readonly status: Effect.Effect<ReadonlyArray<EngineReport>>
}

/** A defect while healing must not leave the engine without a doctor: the next scheduled probe starts a new healing. */
const survived = (engine: EngineId, healing: Effect.Effect<void>) =>
  Effect.catchCause(healing, (cause) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.failCause(cause)
      : Effect.logError(`healing ${engineName(engine)} broke off`, cause),
  )

/** A probe now: one that is under way may have looked before there was a suspicion. */
const makeAfresh = Effect.gen(function* () {
  const states = yield* EngineStates
  const scope = yield* Effect.scope
  return (
    engine: EngineId,
    underWay: Option.Option<Fiber.Fiber<ProbeReport>>,
    examining: Effect.Effect<unknown>,
  ): Effect.Effect<void> =>
    Option.match(underWay, {
      onNone: () => Effect.asVoid(examining),
      onSome: (earlier) =>
        Fiber.await(earlier).pipe(
          Effect.andThen(Effect.suspend(() => (states.peek(engine).state === "suspect" ? examining : Effect.void))),
          Effect.forkIn(scope),
          Effect.asVoid,
        ),
    })
})

/** What another gateway found is as good as what this one would. */
const makeAdopt = Effect.gen(function* () {
  const states = yield* EngineStates
  const quarantine = yield* Quarantine
  return Effect.fnUntraced(function* (report: ProbeReport) {
    yield* states.addProbe(report)
    yield* quarantine.verdict(report.engine, report.outcome === "wedged")
    yield* states.apply(report.engine, report.outcome, report.detail)
  })
})

/** What other gateways leave to this one, or ask of it. */
const lookAfterOthers = Effect.fnUntraced(function* (
  examining: (engine: EngineId) => Effect.Effect<unknown>,
  startHealing: (engine: EngineId) => Effect.Effect<void>,
  isHealing: (engine: EngineId) => boolean,
) {
  const { members } = yield* Fleet
  const states = yield* EngineStates
  const rounds = yield* Rounds

  yield* rounds.abandoned(
    Effect.fnUntraced(function* (engine) {
      if (!members.some(({ id }) => id === engine)) return
      const { state } = yield* states.get(engine)
      if (!refusesRequests(state) || isHealing(engine)) return
      if (state === "restarting") yield* states.apply(engine, "restarted", "the gateway that restarted it is gone")
      yield* startHealing(engine)
    }),
  )
  yield* rounds.requested(
    Effect.fnUntraced(function* (engine) {
      const { state } = yield* states.get(engine)
      // Otherwise something is being done that looks by itself.
      if (state === "exhausted" || !refusesRequests(state)) yield* examining(engine)
    }),
  )
})

/** See `Doctor.status`. */
const makeStatus = Effect.gen(function* () {
  const { members } = yield* Fleet
  const states = yield* EngineStates
  const admission = yield* Admission
  const restarter = yield* Restarter
  const budget = yield* RestartBudget
  return Effect.forEach(members, ({ client, concurrency, id: engine, onDemand, url }) =>
    Effect.gen(function* () {
      const [waiting, working] = [yield* admission.waiting(engine), yield* admission.working(engine)]
      // How it is told from the process before it is nobody else's business.
      const { era: _era, life: _life, settling: _settling, startingSince: _starting, ...record } = states.peek(engine)
      return {
        ...record,
        model: client.model,
        url: url === undefined ? undefined : withoutCredentials(url).href,
        protocol: client.protocol,
        concurrency,
        idleMillis: onDemand?.idleMillis,
        backend: restarter.backend(engine),
        budget: yield* budget.status(engine),
        waiting,
        working,
      }
    }),
  )
})

const make = Effect.gen(function* () {
  const states = yield* EngineStates
  const budget = yield* RestartBudget
  const adopt = yield* makeAdopt
  const look = yield* makeExamination
  const rounds = yield* Rounds
  const afresh = yield* makeAfresh
  const probes = yield* FiberMap.make<EngineId, ProbeReport, never>()
  const healings = yield* FiberMap.make<EngineId, void, never>()

  const examineHere = Effect.fn("DeepHealth.examine")(function* (engine: EngineId) {
    const { report, state } = yield* look(engine)
    if (state === "wedged" || state === "recovering") yield* startHealing(engine)
    return report
  })

  const examine = (engine: EngineId) => rounds.examine(engine, examineHere(engine), adopt)

  const examining = (engine: EngineId) =>
    Effect.suspend(() =>
      Option.match(FiberMap.getUnsafe(probes, engine), {
        onSome: Effect.succeed,
        onNone: () => FiberMap.run(probes, engine, examine(engine), { startImmediately: false }),
      }),
    )

  const probe: Doctor["probe"] = (engine) => Effect.flatMap(examining(engine), Fiber.join)

  const { heal, restartOnce } = yield* makeHealing(probe)

  /** As long as the engine is looked after; nothing where another gateway does. */
  const healing = (engine: EngineId) => rounds.heal(engine, heal(engine))

  const startHealing = (engine: EngineId) =>
    Effect.suspend(() =>
      FiberMap.hasUnsafe(healings, engine)
        ? Effect.void
        : Effect.asVoid(FiberMap.run(healings, engine, survived(engine, healing(engine)), { startImmediately: false })),
    )

  yield* lookAfterOthers(examining, startHealing, (engine) => FiberMap.hasUnsafe(healings, engine))

  const restart = Effect.fn("DeepHealth.restart")(function* (engine: EngineId, reason: string) {
    const { state } = yield* states.get(engine)
    if (state === "restarting" || (state === "recovering" && FiberMap.hasUnsafe(healings, engine))) {
      return yield* new HealthError({ reason: new RestartUnderWay({ engine }) })
    }
    const done = yield* Deferred.make<RestartReport, HealthError>()
    // In place of a healing that only waits: for a permit, or to try again.
    const instead = Effect.gen(function* () {
      yield* Deferred.into(restartOnce(engine, reason), done)
      if (yield* Effect.isFailure(Deferred.await(done))) yield* probe(engine)
      yield* healing(engine)
    })
    yield* FiberMap.run(healings, engine, survived(engine, instead), { startImmediately: false })
    return yield* Deferred.await(done)
  })

  const service: Doctor = {
    probe,
    suspect: Effect.fnUntraced(function* (engine, reason) {
      const { state } = yield* states.apply(engine, "suspected", reason)
      if (state === "suspect") yield* afresh(engine, FiberMap.getUnsafe(probes, engine), examining(engine))
    }),
    look: (engine) => Effect.asVoid(examining(engine)),
    restart,
    state: (engine) => states.peek(engine).state,
    heal: startHealing,
    restore: (engine, reason) => budget.restore(engine, reason),
    status: yield* makeStatus,
  }
  return service
})

const schedule = (doctor: Doctor) =>
  Effect.gen(function* () {
    const { probeInterval } = yield* Settings
    const { members } = yield* Fleet
    const states = yield* EngineStates
    const untilDown = (engine: EngineId) => states.until(engine, (state) => state === "down")

    /** An engine that is down is looked for more often, from the moment on that a request finds it so. */
    const pause = Effect.fnUntraced(function* (engine: EngineId) {
      const millis = Duration.toMillis(probeInterval) * (0.8 + 0.4 * (yield* Random.next))
      const isDown = (yield* states.get(engine)).state === "down"
      if (isDown) return yield* Effect.sleep(Math.min(millis, downProbeMillis))
      yield* Effect.raceFirst(
        Effect.sleep(millis),
        Effect.andThen(untilDown(engine), Effect.sleep(Math.min(millis, downProbeMillis))),
      )
    })

    const look = Effect.fnUntraced(function* (engine: EngineId) {
      const { state } = yield* states.get(engine)
      // Its healing probes as soon as that makes sense.
      if (state === "restarting" || state === "recovering" || isAsleep(state)) return
      yield* doctor.probe(engine)
    })

    for (const { id: engine, standsIn } of members) {
      // One that waits inside for the others to fail is not loaded for a probe.
      if (standsIn === true) continue
      const first = firstProbeMillis * (1 + (yield* Random.next))
      yield* look(engine).pipe(
        Effect.catchCause((cause) => Effect.logError(`the scheduled probe of ${engineName(engine)} broke off`, cause)),
        Effect.andThen(pause(engine)),
        Effect.forever,
        Effect.delay(first),
        Effect.forkScoped,
      )
    }
  })

/** See `Doctor`. */
export class DeepHealth extends Context.Service<DeepHealth, Doctor>()("aviary/health/DeepHealth") {
  /** With the schedule: every engine is probed at `AVIARY_PROBE_INTERVAL`. */
  static readonly layer = Layer.effect(DeepHealth, Effect.tap(make, schedule))

  /** Probes only when asked. */
  static readonly layerUnscheduled = Layer.effect(DeepHealth, make)
}

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
const makeExamination = Effect.gen(function* () {
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
