import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../contract/Api.ts"
import { DeepHealth } from "../health/DeepHealth.ts"
import { Quarantine } from "../health/Quarantine.ts"
import { makeAnswer } from "./Answer.ts"

/** `/admin/engines` and `/admin/quarantine`. */
export const AdminEnginesHandlers = HttpApiBuilder.group(
  Api,
  "adminEngines",
  Effect.fnUntraced(function* (handlers) {
    const deepHealth = yield* DeepHealth
    const quarantine = yield* Quarantine
    const answer = yield* makeAnswer
    const forgive = (content?: string) => Effect.map(quarantine.clear(content), (removed) => ({ removed }))

    return handlers
      .handle("list", () => Effect.map(deepHealth.status, (engines) => ({ engines })))
      .handle("probe", ({ params }) => deepHealth.probe(params.engine))
      .handle("restart", ({ params, payload }) =>
        answer(deepHealth.restart(params.engine, `an operator asked for it: ${payload.reason}`)),
      )
      .handle("restore", ({ params, payload }) =>
        deepHealth.restore(params.engine, payload.reason).pipe(
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
