import { NodeHttpServer, NodeHttpServerRequest } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, type Scope, Stream } from "effect"
import { HttpServer, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { createServer, type ServerResponse } from "node:http"
import type { Payable } from "../../../src/billing/Payable.ts"
import { deliver, deliverCharged } from "../../../src/http/audio/Delivery.ts"
import { rawConnection } from "../../support/rawHttp.ts"
import { standsStill } from "../../support/standsStill.ts"

type Request = HttpServerRequest.HttpServerRequest

const serve = (app: (request: Request) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      HttpServer.serve(Effect.flatMap(HttpServerRequest.HttpServerRequest, app)).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
      ),
    )
    const { address } = yield* HttpServer.HttpServer.pipe(Effect.provide(context))
    return address._tag === "UnixPathAddress" ? yield* Effect.die("not listening on TCP") : address.port
  })

const type = { contentType: "application/octet-stream" }
const ask = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
const chunkBytes = 1_024
/** More than a connection takes without a reader. */
const chunks = 20_000

/** `chunks` chunks, of which it is told how many were asked for. */
const long = (asked: { count: number }) =>
  Stream.range(1, chunks).pipe(
    Stream.rechunk(1),
    Stream.map(() => {
      asked.count += 1
      return new Uint8Array(chunkBytes)
    }),
  )

/** An answer that writes down what is done with it. */
const watched = (
  bytes: Payable<never>["bytes"],
  length: number | undefined,
  settling: Effect.Effect<unknown> = Effect.void,
  telling: () => void = () => {},
) =>
  Effect.map(Queue.unbounded<string>(), (events) => ({
    events,
    answer: {
      bytes,
      length,
      settle: Effect.andThen(Queue.offer(events, "settle"), Effect.asVoid(settling)),
      delivered: (handed) =>
        Effect.andThen(Effect.sync(telling), Effect.asVoid(Queue.offer(events, `delivered ${handed}`))),
    } satisfies Payable<never>,
  }))

it.live.each([
  ["of a declared length", chunks * chunkBytes],
  ["in chunks", undefined],
] as const)(
  "an answer %s is charged once Node holds nothing of it back, and out once the end has left, too, however slowly the client reads",
  ([, length]) =>
    Effect.gen(function* () {
      const asked = { count: 0 }
      let heldBack = -1
      let isOut: boolean | undefined
      let response: ServerResponse | undefined
      const { answer, events } = yield* watched(
        long(asked),
        length,
        Effect.sync(() => (heldBack = response!.writableLength)),
        () => (isOut = response!.writableEnded && response!.socket?.writableLength === 0),
      )
      const port = yield* serve((request) => {
        response = NodeHttpServerRequest.toServerResponse(request) as ServerResponse
        return deliver(request, answer, type)
      })
      const connection = yield* rawConnection(port)
      connection.socket.pause()
      connection.socket.write(ask)
      yield* standsStill(() => asked.count)
      expect(asked.count).toBeLessThan(chunks)
      expect(yield* Queue.size(events)).toBe(0)
      connection.socket.resume()
      const { received } = yield* connection.closed
      expect(received.length).toBeGreaterThan(chunks * chunkBytes)
      expect(yield* Queue.takeN(events, 2)).toEqual(["settle", "delivered all"])
      expect([heldBack, isOut]).toEqual([0, true])
    }),
)

it.live(
  "a client that stops reading and leaves has what was given, and is not taken for one that took everything",
  () =>
    Effect.gen(function* () {
      const asked = { count: 0 }
      const { answer, events } = yield* watched(long(asked), chunks * chunkBytes)
      const port = yield* serve((request) => deliver(request, answer, type))
      const { socket } = yield* rawConnection(port)
      socket.pause()
      socket.write(ask)
      yield* standsStill(() => asked.count)
      socket.resetAndDestroy()
      expect(yield* Queue.take(events)).toBe(`delivered ${asked.count * chunkBytes}`)
      expect(asked.count).toBeLessThan(chunks)
    }),
)

it.live.each([
  ["is charged, and has all but its last byte", 4],
  ["is charged, and has all but its end", undefined],
] as const)("who leaves while it %s", ([, length]) =>
  Effect.gen(function* () {
    const [asked, stands] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const settling = Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(stands))
    const { answer, events } = yield* watched(
      Stream.make(new Uint8Array(1), new Uint8Array(3)),
      length,
      Effect.andThen(Effect.uninterruptible(settling), Effect.yieldNow),
    )
    const closed = yield* Deferred.make<void>()
    const port = yield* serve((request) => {
      const response = NodeHttpServerRequest.toServerResponse(request) as ServerResponse
      response.on("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
      return deliver(request, answer, type)
    })
    const { socket } = yield* rawConnection(port)
    socket.write(ask)
    yield* Deferred.await(asked)
    socket.destroy()
    yield* Deferred.await(closed)
    yield* Deferred.succeed(stands, undefined)
    expect([yield* Queue.take(events), yield* Queue.take(events)]).toEqual([
      "settle",
      `delivered ${length === undefined ? 4 : 3}`,
    ])
  }),
)

it.live("an answer that breaks off by itself tells of no delivery", () =>
  Effect.gen(function* () {
    const broken = yield* Deferred.make<void>()
    const bytes = Stream.concat(Stream.make(new Uint8Array(3)), Stream.die("the engine broke off")).pipe(
      Stream.onExit(() => Deferred.succeed(broken, undefined)),
    )
    const { answer, events } = yield* watched(bytes, undefined)
    const port = yield* serve((request) => deliver(request, answer, type))
    const { socket, closed } = yield* rawConnection(port)
    socket.write(ask)
    yield* Deferred.await(broken)
    yield* closed
    expect(yield* Queue.size(events)).toBe(0)
  }),
)

it.live("a text is charged before its first byte, and told of when the operating system has it", () =>
  Effect.gen(function* () {
    const [asked, stands] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const settling = Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(stands))
    const { answer, events } = yield* watched(Stream.make(Buffer.from("a text")), 6, settling)
    const port = yield* serve((request) => deliverCharged(request, answer, type))
    const connection = yield* rawConnection(port)
    connection.socket.write(ask)
    yield* Deferred.await(asked)
    expect(connection.socket.bytesRead).toBe(0)
    yield* Deferred.succeed(stands, undefined)
    const { received } = yield* connection.closed
    expect(received.toString()).toMatch(/content-length: 6[^]*\r\n\r\na text$/i)
    expect(yield* Queue.takeN(events, 3)).toEqual(["settle", "delivered 0", "delivered all"])
  }),
)

it.live("where no socket is, bytes pass as they are, the last one after the charge", () =>
  Effect.gen(function* () {
    const request = HttpServerRequest.fromWeb(new Request("http://aviary/"))
    const { answer, events } = yield* watched(Stream.make(new Uint8Array([1]), new Uint8Array([2, 3])), 3)
    const response = yield* deliver(request, answer, type)
    const body = response.body._tag === "Stream" ? response.body.stream : Stream.empty
    const seen: Array<unknown> = []
    yield* Stream.runForEach(body, (bytes) => Effect.map(Queue.size(events), (size) => seen.push([[...bytes], size])))
    expect(seen).toEqual([
      [[1], 0],
      [[2], 0],
      [[3], 1],
    ])
  }),
)
