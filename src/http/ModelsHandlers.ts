import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../contract/Api.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { Models } from "./Models.ts"

/** `/v1/models`. */
export const ModelsHandlers = HttpApiBuilder.group(
  Api,
  "models",
  Effect.fnUntraced(function* (handlers) {
    const models = yield* Models
    const retrieve = (id: string) => Effect.catch(models.find(id), (error) => Effect.succeed(errorResponse(error)))
    return handlers
      .handle("list", () => Effect.map(models.list, (data) => ({ object: "list" as const, data })))
      .handle("retrieve", ({ params }) => retrieve(params.id))
      .handle("retrieveOwned", ({ params }) => retrieve(`${params.owner}/${params.name}`))
  }),
)
