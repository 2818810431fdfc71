import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Schedule, Stream } from "effect"
import { Speech } from "../../../src/speech/Speech.ts"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"

const hello = jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" })

/** Its answers begin and never end. */
const speaksForEver = Layer.merge(
  speechOf({ bytes: Stream.concat(Stream.make(Buffer.from("first")), Stream.never) }),
  transcriptionOf(),
)

const answerTo = Effect.fnUntraced(function* (port: number, bytes: string | Buffer) {
  const { socket, closed } = yield* rawConnection(port)
  socket.write(bytes)
  const { received } = yield* closed
  const [head = "", body = ""] = received.toString().split("\r\n\r\n")
  return { head, body: JSON.parse(body), lengthFits: head.includes(`content-length: ${Buffer.byteLength(body)}`) }
})

it.live.each([
  ["no HTTP", "garbage\r\n\r\n", 400, "malformed_request"],
  ["null bytes", "\0\0\0\0\r\n\r\n", 400, "malformed_request"],
  ["a TLS handshake", Buffer.from("160301020001000001fc0303", "hex"), 400, "malformed_request"],
  ["a bad header", "GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n", 400, "malformed_request"],
  [
    "two lengths",
    "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    400,
    "malformed_request",
  ],
  ["a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n", 404, "unknown_url"],
  ["an expectation", "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nexpect: tea\r\n\r\n", 417, "expectation_failed"],
  ["large headers", `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, 431, "headers_too_large"],
] as const)("%s is told in the envelope, and the connection closed", ([, bytes, status, code]) =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const { head, body, lengthFits } = yield* answerTo(port, bytes)
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(head).toMatch(/x-request-id: req_/)
    expect(lengthFits).toBe(true)
    expect(body.error).toMatchObject({ code, type: "invalid_request_error", param: null })
  }),
)

it.live.each([
  ["headers", "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-slow"],
  [
    "a JSON body",
    "POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
  ],
])("%s that never end are given up on", ([, bytes]) =>
  Effect.gen(function* () {
    const { port } = yield* startGateway({ settings: { uploadTimeout: "200 millis" } })
    const { head, body } = yield* answerTo(port, bytes!)
    expect(head).toMatch(/^HTTP\/1.1 408 /)
    expect(body.error.code).toBe("request_timeout")
  }),
)

it.live("a body that stops being HTTP gets 400", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const { head, body } = yield* answerTo(
      port,
      "POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    )
    expect(head).toMatch(/^HTTP\/1.1 400 /)
    expect(body.error.code).toBe("malformed_request")
  }),
)

it.live("nothing is written into an answer that is under way", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway({ programs: speaksForEver })
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write(hello)
    yield* seen("first")
    socket.write("garbage\r\n\r\n")
    const { received } = yield* closed
    expect(received.toString().match(/HTTP\/1.1/g)).toHaveLength(1)
    expect(received.toString()).not.toContain("malformed_request")
  }),
)

it.live("a request that is answered before it has arrived is answered once, whatever Node's clock says later", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway({ settings: { uploadTimeout: "200 millis" } })
    const { socket, closed } = yield* rawConnection(port)
    socket.write(
      "POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n{",
    )
    const { received } = yield* closed
    expect(received.toString().match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 415"])
  }),
)

it.live("a good request on a connection does not excuse a bad one after it", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway()
    const { socket, seen } = yield* rawConnection(port)
    socket.write("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    yield* seen('{"status":"live"}')
    socket.write("garbage\r\n\r\n")
    expect(yield* seen("malformed_request")).toContain("HTTP/1.1 400")
  }),
)

it.live.each([
  ["what is no HTTP", "garbage\r\n\r\n"],
  ["a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n"],
] as const)("%s behind requests that are still being answered closes the connection and calls them off", ([, behind]) =>
  Effect.gen(function* () {
    const asked = yield* Queue.unbounded<"begun" | "called off">()
    const neverAnswered = Layer.succeed(Speech, {
      speak: () =>
        Queue.offer(asked, "begun").pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Queue.offer(asked, "called off")),
        ),
    })
    const { port } = yield* startGateway({ programs: Layer.merge(neverAnswered, transcriptionOf()) })
    const { socket, closed } = yield* rawConnection(port)
    for (let sent = 0; sent < 3; sent++) socket.write(hello)
    expect(yield* Queue.takeN(asked, 3)).toEqual(["begun", "begun", "begun"])
    socket.write(behind)
    expect((yield* closed).received.toString()).toBe("")
    expect(yield* Queue.takeN(asked, 3)).toEqual(["called off", "called off", "called off"])
  }),
)

it.live("a tunnel behind a request that waits for its turn behind a last answer leaves nothing of it", () =>
  Effect.gen(function* () {
    let speaking = 0
    const neverAnswered = Layer.succeed(Speech, {
      speak: () =>
        Effect.suspend(() => (speaking++, Effect.never)).pipe(Effect.ensuring(Effect.sync(() => speaking--))),
    })
    const { port } = yield* startGateway({ programs: Layer.merge(neverAnswered, transcriptionOf()) })
    const last = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\r\n"
    const tunnel = "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n"
    for (const bytes of [last + hello + tunnel, last + hello + hello + tunnel]) {
      const { socket, closed } = yield* rawConnection(port)
      socket.write(bytes)
      expect((yield* closed).received.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\{"status":"live"\}$/)
      const isOver = Effect.sync(() => speaking === 0)
      yield* Effect.repeat(isOver, { until: (over) => over, schedule: Schedule.spaced("5 millis") })
    }
  }),
)

it.live("a tunnel is refused behind answers that have left, and not into one that is under way", () =>
  Effect.gen(function* () {
    const { port } = yield* startGateway({ programs: speaksForEver })
    const tunnel = "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n"
    const after = yield* rawConnection(port)
    after.socket.write("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
    yield* after.seen('{"status":"live"}')
    after.socket.write(tunnel)
    expect(yield* after.seen("unknown_url")).toContain("HTTP/1.1 404")
    const within = yield* rawConnection(port)
    within.socket.write(hello)
    yield* within.seen("first")
    within.socket.write(tunnel)
    const { received } = yield* within.closed
    expect(received.toString().match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200"])
  }),
)

const closing = hello.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nconnection: close\r\n")

it.live.each([
  ["the last of its connection", [closing], hello],
  ["of HTTP/1.0", [hello.replace("HTTP/1.1", "HTTP/1.0")], hello],
  ["before the last of its connection", [hello, closing], hello],
  ["the last of its connection", [closing], "garbage\r\n\r\n"],
] as const)("a request that is %s is answered whatever follows it, and nothing else is", ([, asked, more]) =>
  Effect.gen(function* () {
    const goOn = yield* Deferred.make<void>()
    const bytes = Stream.concat(
      Stream.make(Buffer.from("first")),
      Stream.fromEffect(Effect.as(Deferred.await(goOn), Buffer.from("last"))),
    )
    const { port } = yield* startGateway({ programs: Layer.merge(speechOf({ bytes }), transcriptionOf()) })
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write(asked.join("") + more)
    yield* seen("first")
    socket.write(more)
    yield* seen("first")
    yield* Deferred.succeed(goOn, undefined)
    const { received, reset } = yield* closed
    expect(received.toString().match(/HTTP\/1.1 \d+|first|last/g)).toEqual(
      asked.flatMap(() => ["HTTP/1.1 200", "first", "last"]),
    )
    expect(reset).toBe(false)
  }),
)

it.live.each([
  ["before its head", 0],
  ["once it has begun", 1],
])("who sends on behind its last request, %s, has the whole answer while it sends", ([, begun]) =>
  Effect.gen(function* () {
    const [began, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const bytes = Stream.concat(
      Stream.fromEffect(Effect.as(Deferred.await(began), Buffer.from("first"))),
      Stream.fromEffect(Effect.as(Deferred.await(goOn), Buffer.alloc(1_000_000, "last"))),
    )
    const { port } = yield* startGateway({ programs: Layer.merge(speechOf({ bytes }), transcriptionOf()) })
    const { socket, seen, closed } = yield* rawConnection(port)
    const piece = Buffer.alloc(65_536, "x")
    const sendMore = Effect.callback<void>((resume) => void socket.write(piece, () => resume(Effect.void)))
    const sendUntil = <A>(over: Effect.Effect<A>) => Effect.raceFirst(over, Effect.forever(sendMore))
    socket.write(closing)
    if (begun === 1) {
      yield* Deferred.succeed(began, undefined)
      yield* seen("first")
    }
    yield* Effect.repeat(sendMore, { times: 20 })
    yield* Deferred.succeed(began, undefined)
    yield* seen("first")
    yield* Deferred.succeed(goOn, undefined)
    yield* sendUntil(Effect.raceFirst(seen(/0\r\n\r\n$/), closed))
    yield* Effect.repeat(sendMore, { times: 20 }).pipe(Effect.raceFirst(closed))
    socket.end()
    const { received, reset } = yield* closed
    expect(received.toString().match(/last/g)).toHaveLength(250_000)
    expect(reset).toBe(false)
  }),
)
