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
