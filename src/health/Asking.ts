import { Deferred, Effect } from "effect"
import { Settings } from "../Settings.ts"
import type { EngineError } from "../upstream/EngineError.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import type { EngineId } from "./EngineId.ts"
import { isAsleep } from "./EngineState.ts"
import { EngineStates } from "./EngineStates.ts"
import { Fleet, type Member } from "./Fleet.ts"

/** How long the others may take once one engine has answered. */
const patience = "2 seconds"

/**
 * Puts a question to all engines of a kind at once and gives what each answered; of those that have not when the first did, what they
 * say within two seconds. Fails with the failure of the first where none answers. One that is stopped is not asked, unless all are: then
 * one is started, and waited for as long as requests wait for it.
 */
export const makeAsk = Effect.gen(function* () {
  const { recoveryWait } = yield* Settings
  const fleet = yield* Fleet
  const states = yield* EngineStates

  /** Those that can be asked; where there is none, the one that is started for it. */
  const awake = Effect.fnUntraced(function* <K extends EngineKind>(kind: K) {
    const all = fleet.of(kind)
    const awake = all.filter(({ id }) => !isAsleep(states.peek(id).state))
    if (awake.length > 0) return awake
    const one = all.find(({ id }) => states.peek(id).state === "starting") ?? all[0]
    yield* states.apply(one.id, "needed", "its voices were asked for")
    yield* states
      .until(one.id, (state) => !isAsleep(state) && state !== "recovering")
      .pipe(Effect.timeoutOption(recoveryWait))
    return [one]
  })

  return Effect.fnUntraced(function* <K extends EngineKind, A>(
    kind: K,
    question: (member: Member<K>) => Effect.Effect<A, EngineError>,
  ): Effect.fn.Return<ReadonlyMap<EngineId, A>, EngineError> {
    const asked = yield* awake(kind)
    const answers = new Map<EngineId, A>()
    const failures = new Map<EngineId, EngineError>()
    const first = yield* Deferred.make<void>()
    const each = (member: Member<K>) =>
      question(member).pipe(
        Effect.tap((answer) =>
          Effect.andThen(
            Effect.sync(() => answers.set(member.id, answer)),
            Deferred.succeed(first, undefined),
          ),
        ),
        Effect.catch((error) => Effect.sync(() => void failures.set(member.id, error))),
      )
    yield* Effect.raceFirst(
      Effect.forEach(asked, each, { concurrency: "unbounded", discard: true }),
      Effect.andThen(Deferred.await(first), Effect.sleep(patience)),
    )
    if (answers.size > 0) return answers
    return yield* asked.flatMap(({ id }) => failures.get(id) ?? [])[0]!
  })
})
