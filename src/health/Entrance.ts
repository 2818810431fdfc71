import { Duration, Effect, Exit, Metric, Option, Scope } from "effect"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { Admission, begunWait, type TurnOptions } from "./Admission.ts"
import { makeChoice } from "./Choice.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { type EngineState, isUsable, takesRequests } from "./EngineState.ts"
import { type EngineRecord, EngineStates } from "./EngineStates.ts"
import { Fleet, type Member } from "./Fleet.ts"
import { EngineWedged, HealthError, QueueWaitTimedOut } from "./HealthError.ts"

/** A call's turn at an engine; `record` is what was known of it when the turn came. */
export interface Entered<K extends EngineKind> {
  readonly member: Member<K>
  readonly record: EngineRecord
}

/** The refusal by an engine in a state that takes no requests, which says when to come back. */
export const makeRefusal =
  ({ retryAfter }: Settings["Service"]) =>
  ({ engine, state }: EngineRecord) =>
    new HealthError({
      reason: new EngineWedged({
        engine,
        state,
        message: explain(engine, state),
        ...(state !== "exhausted" && { retryAfterMillis: Duration.toMillis(retryAfter) }),
      }),
    })

/**
 * Lets calls in.
 *
 * - `choose`: the member of a kind that is the likeliest to answer.
 * - `enter`: chooses one that takes requests, and takes its turn, held until the scope closes. Where none does, it waits for a
 *   verdict always, for a recovery until `holdMillis` have passed; then it fails with `EngineWedged`.
 */
export const makeEntrance = Effect.gen(function* () {
  const settings = yield* Settings
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const admission = yield* Admission
  const choose = yield* makeChoice
  const refusal = makeRefusal(settings)
  // A probe tries twice, with a pause between.
  const verdictMillis = 2 * Duration.toMillis(settings.probeTimeout) + 2_000

  /** What a call waits for that was not let in by the engine of `record`: that its state changes, or that another can be used. */
  const news = (kind: EngineKind, { engine, state }: EngineRecord) => {
    const own = states.until(engine, (now) =>
      state === "suspect" ? now !== "suspect" : takesRequests(now) || now === "exhausted",
    )
    const others = fleet.of(kind).filter(({ id }) => id !== engine)
    return others.length === 0 ? own : Effect.raceAllFirst([own, ...others.map(({ id }) => states.until(id, isUsable))])
  }

  /** The engine's turn, unless the wait for it changed the state: then it is given back and nothing returned. */
  const turnIfUsable = Effect.fnUntraced(function* (engine: EngineId, options?: TurnOptions) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    yield* Scope.provide(admission.turn(engine, options), scope)
    const record = yield* states.get(engine)
    if (takesRequests(record.state)) return record
    yield* Scope.close(scope, Exit.void)
    return undefined
  })

  const enter = Effect.fnUntraced(function* <K extends EngineKind>(
    kind: K,
    chosen: (engine: EngineId) => void,
    holdMillis: number,
    options?: TurnOptions,
  ) {
    let holdUntil = (yield* elapsedMillis) + holdMillis
    for (;;) {
      const member = yield* choose(kind)
      chosen(member.id)
      const known = yield* states.get(member.id)
      if (takesRequests(known.state)) {
        const record = yield* turnIfUsable(member.id, options)
        if (record !== undefined) return { member, record } satisfies Entered<K>
        holdUntil = (yield* elapsedMillis) + holdMillis
        continue
      }
      const patience = known.state === "suspect" ? verdictMillis : holdUntil - (yield* elapsedMillis)
      if (patience <= 0 || known.state === "exhausted") return yield* refusal(known)
      const came = yield* admission.inLine(member.id, Effect.timeoutOption(news(kind, known), patience), options)
      if (Option.isNone(came)) return yield* refusal(yield* states.get(member.id))
    }
  })

  const enterInTime = <K extends EngineKind>(
    kind: K,
    holdMillis: number,
    options?: TurnOptions,
  ): Effect.Effect<Entered<K>, HealthError, Scope.Scope> =>
    Effect.suspend(() => {
      let engine: EngineId = fleet.of(kind)[0].id
      const queueWait = options?.begun === true ? begunWait(kind, settings) : settings.queueWait
      const waitedMillis = Duration.toMillis(queueWait) + verdictMillis + holdMillis
      const retryAfterMillis = Duration.toMillis(settings.retryAfter)
      const tooLate = () =>
        new HealthError({ reason: new QueueWaitTimedOut({ engine, waitedMillis, retryAfterMillis }) })
      return enter(kind, (id) => void (engine = id), holdMillis, options).pipe(
        Effect.timeoutOrElse({ duration: waitedMillis, orElse: () => Effect.fail(tooLate()) }),
        Effect.tapError(({ reason }) =>
          Metric.update(Metric.withAttributes(Metrics.engineRefusals, { engine, reason: reason._tag }), 1),
        ),
      )
    })

  return { choose, enter: enterInTime }
})

/** What a request is told that an engine in a state that takes none refuses. */
export function explain(engine: EngineId, state: EngineState): string {
  const name = engineName(engine)
  switch (state) {
    case "suspect":
      return `${name} seems to have failed in a way that only a restart mends. It is being checked; try again later.`
    case "restarting":
      return `${name} is being restarted after a failure; try again later.`
    case "recovering":
      return `${name} is starting; try again later.`
    case "exhausted":
      return `${name} failed again after each restart, and is not restarted any more for now. Its operator must look at it.`
    default:
      return `${name} has failed in a way that only a restart mends; try again later.`
  }
}
