import { NodeHttpServer, NodeHttpServerRequest } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer, type ServerResponse } from "node:http"
import { handedOver } from "../../src/http/HandedOver.ts"
import { rawConnection } from "../support/rawHttp.ts"

const serve = (app: Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      HttpServer.serve(app).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
      ),
    )
    const { address } = yield* HttpServer.HttpServer.pipe(Effect.provide(context))
    return address._tag === "UnixPathAddress" ? yield* Effect.die("not listening on TCP") : address.port
  })

it.live("more is asked for only when Node holds nothing back, however slowly the client reads", () =>
  Effect.gen(function* () {
    const chunks = 20_000
    const asked = yield* Queue.unbounded<number>()
    const port = yield* serve(
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const response = NodeHttpServerRequest.toServerResponse(request) as ServerResponse
        const bytes = Stream.range(1, chunks).pipe(
          Stream.rechunk(1),
          Stream.mapEffect(() =>
            Effect.as(Queue.offer(asked, response.headersSent ? response.writableLength : 0), new Uint8Array(1_024)),
          ),
        )
        return HttpServerResponse.stream(handedOver(request, bytes), { contentLength: chunks * 1_024 })
      }),
    )
    const connection = yield* rawConnection(port)
    connection.socket.pause()
    connection.socket.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    yield* Effect.sleep("500 millis")
    // Stopped somewhere: what a connection takes without a reader is less than this.
    expect(yield* Queue.size(asked)).toBeLessThan(chunks)
    connection.socket.resume()
    const { received } = yield* connection.closed
    expect(received.length).toBeGreaterThan(chunks * 1_024)
    expect([...new Set(yield* Queue.takeAll(asked))]).toEqual([0])
  }),
)

it.live("a client that stops reading and leaves is not taken for one that took everything", () =>
  Effect.gen(function* () {
    const pulled = yield* Queue.unbounded<number>()
    const left = yield* Deferred.make<void>()
    const chunks = 20_000
    const port = yield* serve(
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const bytes = Stream.range(1, chunks).pipe(
          Stream.rechunk(1),
          Stream.mapEffect((n) => Effect.as(Queue.offer(pulled, n), new Uint8Array(1_024))),
          Stream.onExit(() => Deferred.succeed(left, undefined)),
        )
        return HttpServerResponse.stream(handedOver(request, bytes))
      }),
    )
    const { socket } = yield* rawConnection(port)
    socket.pause()
    socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    yield* Effect.sleep("500 millis")
    const stalledAt = (yield* Queue.takeAll(pulled)).length
    expect(stalledAt).toBeLessThan(chunks)
    socket.resetAndDestroy()
    yield* Deferred.await(left)
    expect(yield* Queue.size(pulled)).toBe(0)
  }),
)

it.live("where no socket is, bytes pass as they are", () =>
  Effect.gen(function* () {
    const request = HttpServerRequest.fromWeb(new Request("http://aviary/"))
    const passed = yield* Stream.runCollect(handedOver(request, Stream.make(new Uint8Array([1]), new Uint8Array([2]))))
    expect(passed).toEqual([new Uint8Array([1]), new Uint8Array([2])])
  }),
)
