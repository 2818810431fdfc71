import { Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"
import { DeepHealth } from "../../health/DeepHealth.ts"
import type { EngineId } from "../../health/EngineId.ts"
import { EngineTimeline } from "../../health/EngineTimeline.ts"
import { Fleet } from "../../health/Fleet.ts"
import { Quarantine } from "../../health/Quarantine.ts"
import { makeAnswer } from "../ErrorAnswers.ts"

/** `/admin/engines` and `/admin/quarantine`. */
export const AdminEnginesHandlers = handlersOf(
  Api,
  "adminEngines",
  Effect.fnUntraced(function* (handlers) {
    const { members } = yield* Fleet
    const deepHealth = yield* DeepHealth
    const quarantine = yield* Quarantine
    const timeline = yield* EngineTimeline
    const answer = yield* makeAnswer
    /** Only the fleet knows how many engines there are; the contract knows what their ids look like. */
    const known = (engine: EngineId): Effect.Effect<EngineId, ApiError> =>
      members.some(({ id }) => id === engine)
        ? Effect.succeed(engine)
        : Effect.fail(Errors.unsupportedValue("engine", `expected ${members.map(({ id }) => `"${id}"`).join(" | ")}`))
    const forgive = (content?: string) => Effect.map(quarantine.clear(content), (removed) => ({ removed }))

    return handlers
      .handle("list", () => Effect.map(deepHealth.status, (engines) => ({ engines })))
      .handle("timeline", ({ params: { engine } }) =>
        known(engine).pipe(
          Effect.flatMap(timeline.of),
          Effect.map((found) => ({ engine, ...found })),
          answer,
        ),
      )
      .handle("probe", ({ params }) => answer(Effect.flatMap(known(params.engine), deepHealth.probe)))
      .handle("restart", ({ params, payload }) =>
        known(params.engine).pipe(
          Effect.flatMap((engine) => deepHealth.restart(engine, `an operator asked for it: ${payload.reason}`)),
          answer,
        ),
      )
      .handle("restore", ({ params, payload }) =>
        known(params.engine).pipe(
          Effect.flatMap((engine) => deepHealth.restore(engine, payload.reason)),
          Effect.andThen(deepHealth.status),
          Effect.map((engines) => engines.find(({ engine }) => engine === params.engine)!),
          answer,
        ),
      )
      .handle("quarantine", () => Effect.map(quarantine.list, (recordings) => ({ recordings })))
      .handle("forgive", ({ params }) => forgive(params.content))
      .handle("forgiveAll", () => forgive())
  }),
)
