import { NodeHttpServer } from "@effect/platform-node"
import { Duration, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApiBuilder, HttpApiSwagger } from "effect/http-api"
import { createServer } from "node:http"
import { Api } from "../contract/Api.ts"
import { Settings } from "../Settings.ts"
import { AudioHandlers } from "./AudioHandlers.ts"
import { answerClientErrors } from "./ClientError.ts"
import { frontDoor } from "./FrontDoor.ts"
import { HealthHandlers } from "./HealthHandlers.ts"
import { KnownRoutes } from "./KnownRoutes.ts"
import { Models } from "./Models.ts"
import { ModelsHandlers } from "./ModelsHandlers.ts"

/**
 * Everything that answers a request. A new group of the contract is one more line here.
 *
 * Swagger's page is whole in itself; Scalar's fetches fonts and reports its use.
 */
export const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }),
  HttpApiSwagger.layer(Api, { path: "/docs" }),
).pipe(Layer.provide([AudioHandlers, ModelsHandlers, HealthHandlers]), Layer.provide(Models.layer))

/** The gateway as one effect from request to response, for whoever serves it. */
export const makeHttpApp = Effect.gen(function* () {
  const context = yield* Layer.build(Layer.provideMerge(Routes, KnownRoutes.layer))
  return yield* Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { methodsOf } = yield* KnownRoutes
    return frontDoor(router.asHttpEffect(), methodsOf)
  }).pipe(Effect.provide(context))
})

/** Serves the gateway on whatever `HttpServer` there is. */
export const layer = Layer.unwrap(Effect.map(makeHttpApp, (app) => HttpServer.serve(app)))

/** The Node server of `AVIARY_HOST` and `AVIARY_PORT`. Its layer ends once requests have, at the latest after the grace period. */
export const layerNode = Layer.unwrap(
  Effect.gen(function* () {
    const { host, port, uploadTimeout, shutdownGrace } = yield* Settings
    const make = () => {
      const server = createServer({
        // Slow headers hold a socket for nothing; bodies have their own limit, of which this is the backstop.
        headersTimeout: 15_000,
        requestTimeout: Duration.toMillis(uploadTimeout) + 15_000,
        connectionsCheckingInterval: 5_000,
        // A proxy in front must be the first to drop an idle connection; the usual ones do so after 60 seconds.
        keepAliveTimeout: 65_000,
        maxHeaderSize: 16_384,
      })
      answerClientErrors(server)
      return server
    }
    return NodeHttpServer.layer(make, { host, port, gracefulShutdownTimeout: shutdownGrace })
  }),
)
