import { ByteSize, Context, Effect, Layer, type Scope } from "effect"
import {
  HttpEffect,
  HttpIncomingMessage,
  HttpMiddleware,
  HttpRouter,
  HttpServer,
  type HttpServerRequest,
  UrlParams,
} from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import * as ConsoleRoute from "../console/ConsoleRoute.ts"
import { Api } from "../contract/Api.ts"
import { Traffic } from "../telemetry/Traffic.ts"
import { adminAccess } from "./access/AdminToken.ts"
import { AdminAccountsHandlers } from "./admin/AdminAccountsHandlers.ts"
import { AdminCacheHandlers } from "./admin/AdminCacheHandlers.ts"
import { AdminEnginesHandlers } from "./admin/AdminEnginesHandlers.ts"
import { AdminKeysHandlers } from "./admin/AdminKeysHandlers.ts"
import { AdminRatesHandlers } from "./admin/AdminRatesHandlers.ts"
import { AdminSettingsHandlers } from "./admin/AdminSettingsHandlers.ts"
import { AdminTrafficHandlers } from "./admin/AdminTrafficHandlers.ts"
import { ConsoleHandlers } from "./admin/ConsoleHandlers.ts"
import { AudioHandlers, makeSpeechRoute } from "./audio/AudioHandlers.ts"
import { makeBrowserRules } from "./access/BrowserRules.ts"
import * as DocsRoute from "./admin/DocsRoute.ts"
import { frontDoor } from "./FrontDoor.ts"
import { HealthHandlers } from "./admin/HealthHandlers.ts"
import { callerAccess } from "./access/Caller.ts"
import { KnownRoutes } from "./KnownRoutes.ts"
import * as MetricsRoute from "./admin/MetricsRoute.ts"
import { Models, ModelsHandlers } from "./audio/Models.ts"
import * as PeerRoute from "./PeerRoute.ts"
import { asRequest, ofRequests } from "./RequestContext.ts"
import { maxJsonBytes } from "./ErrorAnswers.ts"
import { OrganizationHandlers } from "./admin/OrganizationHandlers.ts"

/** Everything that answers a request. A new group of the contract is one more line here. */
const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }),
  ConsoleRoute.layer,
  DocsRoute.layer,
  MetricsRoute.layer,
  PeerRoute.layer,
).pipe(
  Layer.provide([AudioHandlers, ModelsHandlers, HealthHandlers, AdminEnginesHandlers, AdminCacheHandlers]),
  Layer.provide([OrganizationHandlers, AdminAccountsHandlers, AdminKeysHandlers, AdminRatesHandlers]),
  Layer.provide([AdminTrafficHandlers, AdminSettingsHandlers, ConsoleHandlers]),
  Layer.provide([adminAccess, callerAccess]),
)

/** The gateway as one effect from request to response, for whoever serves it. */
const makeHttpApp = Effect.fnUntraced(function* (socket: { readonly listens: boolean }) {
  const rules = yield* makeBrowserRules(socket)
  const context = yield* Layer.build(
    Layer.provideMerge(Routes, Layer.mergeAll(KnownRoutes.layer, Traffic.layer, Models.layer)),
  )
  return yield* Effect.gen(function* () {
    const routed = (yield* HttpRouter.HttpRouter).asHttpEffect()
    const speech = yield* makeSpeechRoute
    const appOf = (method: string, route: string | undefined) =>
      method === "POST" && route === "/v1/audio/speech" ? speech : routed
    return frontDoor(appOf, yield* KnownRoutes, rules, (yield* Traffic).begin)
  }).pipe(Effect.provide(context))
})

/**
 * What every request runs with. The front door has a span of its own, which ends with the last byte. Of the engines' URLs a trace says of
 * every parameter only that there was one. Bodies that the contract decodes have a limit.
 */
const surroundings = Context.make(UrlParams.CurrentRedactedNames, [/^/]).pipe(
  Context.add(HttpMiddleware.TracerDisabledWhen, () => true),
  Context.add(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxJsonBytes)),
)

/** Serves the gateway on whatever `HttpServer` there is. */
export const layer = Layer.effectDiscard(
  Effect.flatMap(makeHttpApp({ listens: true }), (app) => asRequest(HttpServer.serveEffect(app))),
).pipe(Layer.provide(Layer.succeedContext(surroundings)))

/** URL that the server listens on. */
export const address = Effect.map(HttpServer.HttpServer, (server) => HttpServer.formatAddress(server.address))

/**
 * A function from request to response over the gateway, for whoever has a server of their own or none at all. It logs and
 * traces as the program does that makes it.
 */
export const makeWebHandler = Effect.gen(function* () {
  const app = yield* makeHttpApp({ listens: false })
  const program = yield* Effect.context<never>()
  return HttpEffect.toWebHandlerWith<never, HttpServerRequest.HttpServerRequest | Scope.Scope>(
    ofRequests(Context.merge(program, surroundings)),
  )(app)
})

export { layer as layerNode } from "./connection/NodeServer.ts"
