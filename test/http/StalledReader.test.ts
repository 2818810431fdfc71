import { NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Layer, Stream } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { cutStalledReader } from "../../src/http/StalledReader.ts"
import { rawConnection } from "../support/rawHttp.ts"

it.live("a client that stays connected but reads nothing loses its response, and the stream ends", () =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<void>()
    const endless = Stream.fromIterable(Array.from({ length: 4_096 }, () => new Uint8Array(65_536))).pipe(
      Stream.rechunk(1),
      Stream.onExit(() => Deferred.succeed(ended, undefined)),
    )
    const app = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* cutStalledReader(request, Duration.millis(100))
      return HttpServerResponse.stream(endless)
    })
    const context = yield* Layer.build(
      HttpServer.serve(app).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
      ),
    )
    const { address } = yield* HttpServer.HttpServer.pipe(Effect.provide(context))
    if (address._tag === "UnixPathAddress") return
    const { socket } = yield* rawConnection(address.port)
    socket.pause()
    socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    yield* Deferred.await(ended)
    expect(yield* Deferred.isDone(ended)).toBe(true)
  }),
)

it.live("a quiet stream whose client reads is left alone for longer than its silences", () =>
  Effect.gen(function* () {
    const app = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* cutStalledReader(request, Duration.millis(500))
      return HttpServerResponse.stream(
        Stream.make(1, 2, 3, 4).pipe(
          Stream.mapEffect((n) => Effect.delay(Effect.succeed(Buffer.from(`${n}`)), "200 millis")),
        ),
      )
    })
    const context = yield* Layer.build(
      HttpServer.serve(app).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
      ),
    )
    const { address } = yield* HttpServer.HttpServer.pipe(Effect.provide(context))
    if (address._tag === "UnixPathAddress") return
    const url = `http://127.0.0.1:${address.port}`
    expect(yield* Effect.promise(() => fetch(url).then((response) => response.text()))).toBe("1234")
  }),
)
