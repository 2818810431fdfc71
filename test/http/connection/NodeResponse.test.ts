import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Scope, Stream } from "effect"
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer, type Server, type Socket } from "node:net"
import { linger, NodeResponse, type Patience, responseOn } from "../../../src/http/connection/NodeResponse.ts"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"

const hour = 3_600_000
const patient: Patience = { untilEnd: hour, longestSilence: 2 * hour, longestTime: hour, mostBytes: 1_000_000_000 }

/** A connection whose other side answers `done` to the first bytes, and lingers. */
const lingering = Effect.fnUntraced(function* (patience: Patience) {
  const accepted = yield* Deferred.make<Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const listening = createServer({ allowHalfOpen: true }, (socket) => {
        socket.once("data", () => {
          socket.write("done")
          linger(socket, patience)
        })
        Deferred.doneUnsafe(accepted, Effect.succeed(socket))
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) => Effect.sync(() => void listening.close()),
  )
  const address = server.address()
  const client = yield* rawConnection(address !== null && typeof address === "object" ? address.port : 0)
  client.socket.write("ask")
  yield* client.seen("done")
  return { client, socket: yield* Deferred.await(accepted) }
})

const gone = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.destroyed) resume(Effect.void)
    else socket.once("close", () => resume(Effect.void))
  })

it.live("what a client goes on sending is taken and dropped until it has closed, without a reset", () =>
  Effect.gen(function* () {
    const { client, socket } = yield* lingering(patient)
    for (let sent = 0; sent < 64; sent++) client.socket.write(Buffer.alloc(65_536))
    client.socket.end()
    yield* gone(socket)
    expect(socket.bytesRead).toBe(3 + 64 * 65_536)
    expect(yield* client.closed).toMatchObject({ reset: false })
  }),
)

it.live("a client that waits for the close is given it once it sends no more", () =>
  Effect.gen(function* () {
    const { client } = yield* lingering({ ...patient, untilEnd: 50 })
    expect((yield* client.closed).received.toString()).toBe("done")
  }),
)

it.live.each([
  ["is silent", { untilEnd: 10, longestSilence: 60 }, 0],
  ["sends too much", { mostBytes: 100_000 }, 2],
  ["goes on for too long", { longestTime: 0 }, 1],
] as const)("a client that %s and does not close is cut", ([, less, sent]) =>
  Effect.gen(function* () {
    const { client, socket } = yield* lingering({ ...patient, ...less })
    // It does not close because it is told to.
    client.socket.allowHalfOpen = true
    for (let piece = 0; piece < sent; piece++) client.socket.write(Buffer.alloc(65_536))
    yield* gone(socket)
  }),
)

const upload = ["POST /v1/audio/transcriptions", "content-type: multipart/form-data; boundary=b"] as const

/** Each with a body that is not read to its end. */
const refusals: ReadonlyArray<[number, ReadonlyArray<string>, ReadonlyArray<"HTTP/1.0" | "HTTP/1.1" | "chunked">]> = [
  [413, upload, ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [401, ["POST /admin/keys", "content-type: application/json"], ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [403, [...upload, "origin: http://elsewhere.example"], ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [404, ["POST /v1/nowhere"], ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [405, ["PUT /v1/audio/transcriptions"], ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [415, ["POST /v1/audio/speech", "content-type: text/plain"], ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [415, [...upload, "content-encoding: gzip"], ["HTTP/1.0", "HTTP/1.1", "chunked"]],
  [400, [upload[0], "content-type: multipart/form-data"], ["chunked"]],
  [
    404,
    ["POST /v1/nowhere", "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAAA"],
    ["HTTP/1.1"],
  ],
  [404, ["CONNECT nowhere:443"], ["HTTP/1.1", "chunked"]],
  [417, [...upload, "expect: tea"], ["HTTP/1.1", "chunked"]],
]
const cases = refusals.flatMap(([status, [route, ...headers], framings]) =>
  framings.map((framing) => [status, route!, framing, headers] as const),
)

const piece = Buffer.alloc(65_536, "x")
const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'

it.live.each(cases)(
  "a %s to %s (%s) says that it is the last, and arrives though the client sends everything first",
  ([status, route, framing, headers]) =>
    Effect.gen(function* () {
      const { port } = yield* startGateway({ settings: { uploadMaxBytes: "1 MiB" } })
      const { socket, seen, closed } = yield* rawConnection(port)
      const pieces = 128
      const isChunked = framing === "chunked"
      const length = part.length + pieces * piece.length
      // It reads only once it has sent everything, as Python's clients do.
      socket.pause()
      socket.write(
        [
          `${route} ${isChunked ? "HTTP/1.1" : framing}`,
          "host: localhost",
          ...headers,
          isChunked ? "transfer-encoding: chunked" : `content-length: ${length}`,
          "",
          "",
        ].join("\r\n"),
      )
      const send = (bytes: string | Buffer) => {
        if (isChunked) socket.write(`${bytes.length.toString(16)}\r\n`)
        socket.write(bytes)
        if (isChunked) socket.write("\r\n")
      }
      send(part)
      for (let sent = 0; sent < pieces; sent++) send(piece)
      if (isChunked) socket.write("0\r\n\r\n")
      const sent = Effect.callback<void>((resume) => void socket.write("", () => resume(Effect.void)))
      yield* Effect.raceFirst(sent, closed)
      socket.resume()
      const answer = yield* Effect.raceFirst(seen(/\}\}$/), Effect.as(closed, ""))
      socket.end()
      const { reset } = yield* closed
      const [head = "", body = ""] = answer.split("\r\n\r\n")
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(head.toLowerCase()).toContain("\r\nconnection: close")
      expect(JSON.parse(body).error).toMatchObject({ type: "invalid_request_error" })
      expect(reset).toBe(false)
    }),
)

it.live("a refusal in place of 100 Continue says that it is the last, too", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway({ settings: { uploadMaxBytes: "1 MiB" } })
    const { socket, closed } = yield* rawConnection(port)
    socket.write(
      [`${upload[0]} HTTP/1.1`, upload[1], "host: localhost", "content-length: 9999999", "expect: 100-continue"].join(
        "\r\n",
      ),
    )
    socket.write("\r\n\r\n")
    const { received } = yield* closed
    expect(received.toString()).toMatch(/^HTTP\/1.1 413 [^]*\r\nconnection: close\r\n/i)
  }),
)

it.live("what follows a refused body on its connection is no request", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write("POST /v1/nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n")
    yield* seen("unknown_url")
    socket.write(Buffer.alloc(100_000))
    socket.write("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    const { received } = yield* closed
    expect(received.toString().match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 404"])
  }),
)

it.live("a connection is kept where the whole request was there, whatever it was answered", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const { socket, seen } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/nowhere", { model: "tts-1" }))
    expect(yield* seen("unknown_url")).not.toMatch(/connection: close/i)
    socket.write("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    yield* seen('{"status":"live"}')
  }),
)

it.live.each(["the gateway stops", "the client says what is no HTTP"] as const)(
  "an HTTP/1.0 answer that is broken off because %s is reset, not closed as if it were whole",
  (why) =>
    Effect.gen(function* () {
      const audio = Stream.concat(Stream.make(Buffer.from("first")), Stream.never)
      const scope = yield* Scope.make()
      const { port } = yield* startGateway({
        programs: Layer.merge(speechOf({ bytes: audio }), transcriptionOf()),
        settings: { shutdownGrace: "50 millis" },
      }).pipe(Scope.provide(scope))
      const { socket, seen, closed } = yield* rawConnection(port)
      const request = jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" })
      // Without keeping it, what follows would be ignored.
      socket.write(request.replace("HTTP/1.1\r\n", "HTTP/1.0\r\nconnection: keep-alive\r\n"))
      yield* seen("first")
      if (why === "the gateway stops") yield* Scope.close(scope, Exit.void)
      else socket.write("garbage")
      expect(yield* closed).toMatchObject({ reset: true })
      yield* Scope.close(scope, Exit.void)
    }),
)

const serverOf = Effect.fnUntraced(function* (answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createHttpServer({ ServerResponse: NodeResponse }, answer)
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => (server.closeAllConnections(), void server.close())),
  )
  const { port } = server.address() as { readonly port: number }
  return { port }
})

/** A server that answers every request at once, and the connections to it. */
const answeringServer = Effect.gen(function* () {
  const sockets = new Set<Socket>()
  const { port } = yield* serverOf((request, response) => {
    sockets.add(request.socket)
    response.writeHead(200, { "content-length": "8" }).end("answered")
  })
  return { port, sockets }
})

it.live("a connection that is kept forgets an answer that is out, and remembers one whose request still comes", () =>
  Effect.gen(function* () {
    const { port, sockets } = yield* answeringServer
    const client = yield* rawConnection(port)
    client.socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    yield* client.seen("answered")
    const rest = yield* rawConnection(port)
    rest.socket.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nrest")
    yield* rest.seen("answered")
    expect(Array.from(sockets, (socket) => responseOn(socket) !== undefined)).toEqual([false, true])
  }),
)

it.live("a connection of HTTP/1.0 that was kept for many answers closes as one of a single answer does", () =>
  Effect.gen(function* () {
    const { port, sockets } = yield* answeringServer
    const client = yield* rawConnection(port)
    const many = 20_000
    client.socket.write("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".repeat(many))
    client.socket.write("GET / HTTP/1.0\r\n\r\n")
    const { received, reset } = yield* client.closed
    expect(received.toString("latin1").split("answered").length - 1).toBe(many + 1)
    expect(reset).toBe(false)
    for (const socket of sockets) expect(socket.destroyed).toBe(true)
  }),
)

it.live("a connection of HTTP/1.0 that breaks off while it ends closes, whenever it does", () =>
  Effect.gen(function* () {
    const moments = [queueMicrotask, process.nextTick, setImmediate, (run: () => void) => setTimeout(run, 1)]
    for (const [index, later] of moments.entries()) {
      const closed = yield* Deferred.make<void>()
      const { port } = yield* serverOf(({ socket }, response) => {
        socket.once("close", () => Effect.runSync(Deferred.succeed(closed, undefined)))
        response.writeHead(200).write("some")
        setImmediate(() => {
          socket.end()
          later(() => socket.destroy())
        })
      })
      const client = yield* rawConnection(port)
      client.socket.write("GET / HTTP/1.0\r\n\r\n")
      yield* Effect.timeoutOrElse(Deferred.await(closed), {
        duration: "5 seconds",
        orElse: () => Effect.die(`it did not close at moment ${index}`),
      })
    }
  }),
)

it.live(
  "a request behind the last answer of its connection is called off with it, before the connection has closed",
  () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const closed = yield* Deferred.make<void>()
      const { port } = yield* serverOf((request, response) => {
        response.once("close", () => ended.push(request.url!))
        if (request.url !== "/last") return
        request.socket.once("close", () => Effect.runSync(Deferred.succeed(closed, void ended.push("the connection"))))
        response.shouldKeepAlive = false
        response.writeHead(200).end("last")
      })
      const client = yield* rawConnection(port)
      client.socket.write(
        ["/last", "/behind", "/further"].map((url) => `GET ${url} HTTP/1.1\r\nhost: a\r\n\r\n`).join(""),
      )
      yield* Deferred.await(closed)
      expect(ended).toEqual(["/behind", "/further", "/last", "the connection"])
    }),
)
