import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiSwagger } from "effect/http-api"
import { Api } from "../contract/Api.ts"

const path = "/docs"

/**
 * `GET /docs`: Swagger's page of the contract, which is whole in itself; Scalar's fetches fonts and reports its use. It is
 * made for the first who looks: it takes 10 MB, and most gateways are never looked at.
 */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const page = yield* Effect.cached(
      Effect.gen(function* () {
        const only = yield* HttpRouter.make
        yield* Layer.build(
          Layer.provide(HttpApiSwagger.layer(Api, { path }), Layer.succeed(HttpRouter.HttpRouter, only)),
        )
        return only.asHttpEffect()
      }).pipe(Effect.scoped),
    )
    yield* router.add("GET", path, Effect.orDie(Effect.flatten(page)))
  }),
)
