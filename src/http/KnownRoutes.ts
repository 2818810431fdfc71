import { Context, Effect, Layer } from "effect"
import { FindMyWay, HttpRouter } from "effect/http"

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const

/**
 * - `methodsOf`: which methods the routes know for a path. The framework's router answers 404 where HTTP says 405.
 * - `routeOf`: the route that answers, as written in the contract: one of a few, whatever clients send.
 */
export class KnownRoutes extends Context.Service<
  KnownRoutes,
  {
    readonly methodsOf: (url: string) => ReadonlyArray<string>
    readonly routeOf: (method: string, url: string) => string | undefined
  }
>()("aviary/http/KnownRoutes") {
  /** A router that records its routes. */
  static readonly layer: Layer.Layer<HttpRouter.HttpRouter | KnownRoutes> = Layer.effectContext(
    Effect.gen(function* () {
      const router = yield* HttpRouter.make
      const known = FindMyWay.make<string>()
      // Most requests are for a path without parameters, which needs no search.
      const fixed = new Set<string>()
      const remember = (method: string, path: HttpRouter.PathInput) => {
        if (!/[:*]/.test(method + path)) fixed.add(`${method} ${path}`)
        if (method === "*") known.all(path, path)
        else known.on(method, path, path)
      }
      const remembering: typeof router = {
        ...router,
        addAll: (routes) => {
          for (const route of routes) remember(route.method, route.path)
          return router.addAll(routes)
        },
        add: (method, path, handler, options) => {
          remember(method, path)
          return router.add(method, path, handler, options)
        },
      }
      const methodsOf = (url: string): ReadonlyArray<string> => {
        const found = methods.filter((method) => known.find(method, url) !== undefined)
        return found.includes("GET") ? ["GET", "HEAD", ...found.filter((method) => method !== "GET")] : found
      }
      const routeOf = (method: string, url: string) =>
        fixed.has(`${method} ${url}`) ? url : known.find(method === "HEAD" ? "GET" : method, url)?.handler
      return Context.make(HttpRouter.HttpRouter, remembering).pipe(Context.add(KnownRoutes, { methodsOf, routeOf }))
    }),
  )
}
