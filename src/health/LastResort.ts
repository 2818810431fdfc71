import { Effect, Metric, Stream } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import type { EngineError } from "../upstream/EngineError.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { engineKind, engineName } from "./EngineId.ts"
import { isUsable } from "./EngineState.ts"
import { EngineStates } from "./EngineStates.ts"
import { Fleet, type Member } from "./Fleet.ts"
import type { HealthError } from "./HealthError.ts"
import { classify } from "./WedgeRules.ts"

/** What a request may fail with, whichever room says so. */
interface Failure {
  readonly _tag: string
  readonly message: string
}

const isOfHealth = (error: Failure): error is HealthError => error._tag === "HealthError"
const isOfEngine = (error: Failure): error is EngineError => error._tag === "EngineError"

/**
 * Whether `error` says that no engine of the kind can answer now. One that is too busy can, and so can one that refuses what it is
 * asked.
 */
export const isOut = (kind: EngineKind, error: Failure): boolean => {
  if (isOfHealth(error)) return error.reason._tag === "EngineWedged" || error.reason._tag === "EngineStarting"
  if (!isOfEngine(error)) return false
  const finding = classify(kind, error.reason)
  return finding !== "request" && finding !== "overload"
}

/**
 * What answers where no engine of a kind does.
 *
 * - `member`: it; absent where there is none.
 * - `answers`: says in log and metrics that it answers a request that failed so everywhere else.
 * - `orElse`: `own`; where that fails before its first element since no engine can answer, `inside`. Where that gives nothing but a
 *   failure either, the client is told of the engines' failure: that there was another way is no concern of its.
 */
export interface LastResort<K extends EngineKind> {
  readonly member: Member<K> | undefined
  readonly answers: (failure: Failure) => Effect.Effect<void>
  readonly orElse: <A, E extends Failure, R>(
    own: Stream.Stream<A, E, R>,
    inside: Stream.Stream<A, E, R>,
  ) => Stream.Stream<A, E, R>
}

/** Calls `tell` at the first element of `stream`, or at its end where it has none. */
const onAnswer = <A, E, R>(stream: Stream.Stream<A, E, R>, tell: Effect.Effect<void>): Stream.Stream<A, E, R> =>
  Stream.suspend(() => {
    let isTold = false
    const once = Effect.suspend(() => {
      if (isTold) return Effect.void
      isTold = true
      return tell
    })
    return Stream.onEnd(
      Stream.onFirst(stream, () => once),
      once,
    )
  })

export const makeLastResort = Effect.fnUntraced(function* <K extends EngineKind>(kind: K) {
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const [member] = fleet.group(kind, true)
  const name = engineName(kind)
  let isNews = true
  if (member !== undefined) {
    states.listen((engine) => {
      if (engine !== member.id && engineKind(engine) === kind && isUsable(states.peek(engine).state)) isNews = true
    })
  }

  const answers = Effect.fnUntraced(function* ({ message }: Failure) {
    if (member === undefined) return
    yield* Metric.update(Metric.withAttributes(Metrics.fallbackAnswers, { engine: member.id }), 1)
    if (!isNews) return
    isNews = false
    yield* Effect.logWarning(`no ${name} can answer (${message}); until one can, ${member.client.model} inside does`)
  })

  const orElse: LastResort<K>["orElse"] = (own, inside) =>
    Stream.suspend(() => {
      let gave = false
      const first = Stream.onFirst(own, () => Effect.sync(() => void (gave = true)))
      return Stream.catch(first, (error) => {
        if (gave || !isOut(kind, error)) return Stream.fail(error)
        let answered = false
        const told = Effect.andThen(
          Effect.sync(() => void (answered = true)),
          answers(error),
        )
        return Stream.catch(onAnswer(inside, told), (failure) =>
          Stream.fromEffectDrain(
            answered
              ? Effect.fail(failure)
              : Effect.andThen(
                  Effect.logWarning(`what stands in for ${name} cannot answer either: ${failure.message}`),
                  Effect.fail(error),
                ),
          ),
        )
      })
    })

  return { member, answers, orElse } satisfies LastResort<K>
})

/** For programs run without the health room. */
export const noLastResort: LastResort<never> = {
  member: undefined,
  answers: () => Effect.void,
  orElse: (own) => own,
}
