import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { KnownRoutes } from "../../src/http/KnownRoutes.ts"

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/things", HttpServerResponse.empty()),
  HttpRouter.add("POST", "/things", HttpServerResponse.empty()),
  HttpRouter.add("DELETE", "/things/:id", HttpServerResponse.empty()),
).pipe(Layer.provideMerge(KnownRoutes.layer))

it.effect("knows the methods of a path", () =>
  Effect.gen(function* () {
    const { methodsOf } = yield* KnownRoutes
    expect(methodsOf("/things?x=1")).toEqual(["GET", "HEAD", "POST"])
    expect(methodsOf("/things/7")).toEqual(["DELETE"])
    expect(methodsOf("/other")).toEqual([])
    expect(methodsOf("/%zz")).toEqual([])
  }).pipe(Effect.provide(routes)),
)

it.effect("knows the route of a request, not what fills it in", () =>
  Effect.gen(function* () {
    const { routeOf } = yield* KnownRoutes
    expect(routeOf("DELETE", "/things/7?x=1")).toBe("/things/:id")
    expect(routeOf("HEAD", "/things")).toBe("/things")
    expect(routeOf("PUT", "/things")).toBeUndefined()
    expect(routeOf("GET", "/other")).toBeUndefined()
  }).pipe(Effect.provide(routes)),
)
