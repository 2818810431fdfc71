import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer, References } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { handlersOf } from "../../src/http/RequestContext.ts"

class Room extends Context.Service<Room, { readonly name: string }>()("aviary/room/Room") {}

const TestApi = HttpApi.make("test").add(HttpApiGroup.make("group").add(HttpApiEndpoint.get("endpoint", "/")))

it.effect("a handler has the services of rooms when it is built, and does not carry them through requests", () =>
  Effect.gen(function* () {
    let carried: Context.Context<never> = Context.empty()
    const handlers = handlersOf(
      TestApi,
      "group",
      Effect.fnUntraced(function* (handlers) {
        const { name } = yield* Room
        return handlers.handle("endpoint", () =>
          Effect.map(Effect.context(), (context) => {
            carried = context
            return HttpServerResponse.text(name)
          }),
        )
      }),
    )
    const routes = HttpApiBuilder.layer(TestApi).pipe(
      Layer.provide(handlers),
      Layer.provide(Layer.succeed(Room, { name: "the room's name" })),
      Layer.provide(HttpServer.layerServices),
    )
    const { dispose, handler } = HttpRouter.toWebHandler(routes, { disableLogger: true })
    const response = yield* Effect.promise(() => handler(new Request("http://localhost/")))
    expect(yield* Effect.promise(() => response.text())).toBe("the room's name")
    yield* Effect.promise(dispose)

    expect(Context.getOption(carried, Room)._tag).toBe("None")
    expect(Context.get(carried, References.MinimumLogLevel)).toBe("Info")
  }),
)
