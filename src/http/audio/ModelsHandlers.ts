import { Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import { makeAnswer } from "../Answer.ts"
import { Models } from "./Models.ts"

/** `/v1/models`. */
export const ModelsHandlers = handlersOf(
  Api,
  "models",
  Effect.fnUntraced(function* (handlers) {
    const models = yield* Models
    const answer = yield* makeAnswer
    return handlers
      .handle("list", () => Effect.map(models.list, (data) => ({ object: "list" as const, data })))
      .handle("retrieve", ({ params }) => answer(models.find(params.id)))
      .handle("retrieveOwned", ({ params }) => answer(models.find(`${params.owner}/${params.name}`)))
  }),
)
