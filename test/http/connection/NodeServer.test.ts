import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { createServer } from "node:net"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"

it.live("a stream under way is finished when the gateway stops, and no new connection is taken", () =>
  Effect.gen(function* () {
    const rest = yield* Deferred.make<void>()
    const audio = Stream.concat(
      Stream.make(Buffer.from("first")),
      Stream.fromEffect(Effect.as(Deferred.await(rest), Buffer.from("last"))),
    )
    const scope = yield* Scope.make()
    const { port } = yield* startGateway({
      programs: Layer.merge(speechOf({ bytes: audio }), transcriptionOf()),
      settings: { shutdownGrace: "1 hour" },
    }).pipe(Scope.provide(scope))
    const { socket, seen } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" }))
    yield* seen("first")
    const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    // The port is free again at once, which is how a client learns that it is no longer listened to.
    const takeover = Effect.callback<void, Error>((resume) => {
      const server = createServer()
      server.once("error", (error) => resume(Effect.fail(error)))
      server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.void)))
    })
    yield* Effect.eventually(takeover)
    yield* Deferred.succeed(rest, undefined)
    expect(yield* seen(/\r\n0\r\n\r\n$/)).toContain("last")
    yield* Fiber.join(stopping)
  }),
)

it.live("a stream that outlasts the grace period is broken off, not ended", () =>
  Effect.gen(function* () {
    const audio = Stream.concat(Stream.make(Buffer.from("first")), Stream.never)
    const scope = yield* Scope.make()
    const { port } = yield* startGateway({
      programs: Layer.merge(speechOf({ bytes: audio }), transcriptionOf()),
      settings: { shutdownGrace: "100 millis" },
    }).pipe(Scope.provide(scope))
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" }))
    yield* seen("first")
    yield* Scope.close(scope, Exit.void)
    const { received } = yield* closed
    expect(received.toString()).not.toMatch(/\r\n0\r\n\r\n$/)
  }),
)

it.live("a client that connected and said nothing does not keep the gateway from stopping", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { port } = yield* startGateway({ settings: { shutdownGrace: "100 millis" } }).pipe(Scope.provide(scope))
    const { socket, closed } = yield* rawConnection(port)
    socket.write("GET /v1/mod")
    yield* Scope.close(scope, Exit.void)
    yield* closed
  }),
)

it.live("a taken port is an error that names the cause", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const error = yield* Effect.flip(startGateway({ settings: { port: String(port) } }))
    expect(error).toMatchObject({ _tag: "ServeError", cause: { code: "EADDRINUSE" } })
  }),
)
