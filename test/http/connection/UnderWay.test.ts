import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { MostUnderWay } from "../../../src/http/connection/UnderWay.ts"
import { Speech } from "../../../src/speech/Speech.ts"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"

const hello = jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" })
const live = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"

/** A gateway that may have `most` under way. Its speech is silent until `begin` is done, and tells what becomes of it. */
const boundedGateway = Effect.fnUntraced(function* (most?: { readonly onConnection: number; readonly inAll: number }) {
  const begin = yield* Deferred.make<void>()
  const heard = yield* Queue.unbounded<"begun" | "called off">()
  const speech = Layer.effect(
    Speech,
    Effect.map(Speech, (program) => ({
      speak: (...of: Parameters<typeof program.speak>) =>
        Queue.offer(heard, "begun").pipe(
          Effect.andThen(Effect.onInterrupt(Deferred.await(begin), () => Queue.offer(heard, "called off"))),
          Effect.andThen(program.speak(...of)),
        ),
    })),
  ).pipe(Layer.provide(speechOf({ bytes: Stream.make(Buffer.from("said")) })))
  const started = startGateway({ programs: Layer.merge(speech, transcriptionOf()) })
  const { port } = yield* most === undefined ? started : Effect.provideService(started, MostUnderWay, most)
  return { port, begin, heard: (count: number) => Queue.takeN(heard, count), unheard: Queue.size(heard) }
})

const times = <A>(count: number, value: A) => Array.from({ length: count }, () => value)

const answerIn = (received: Buffer) => {
  const [head = "", body = ""] = received.toString().split("\r\n\r\n")
  return { head, code: JSON.parse(body).error.code }
}

it.live("a client that sends more on one connection than may wait is told so once, and all of it is called off", () =>
  Effect.gen(function* () {
    const { port, heard } = yield* boundedGateway()
    const { socket, closed } = yield* rawConnection(port)
    socket.write(hello.repeat(5_000))
    const { received, reset } = yield* closed
    const { head, code } = answerIn(received)
    expect(head).toMatch(/^HTTP\/1.1 429 [^]*\r\nconnection: close\r\nretry-after: 5$/)
    expect(code).toBe("too_many_pipelined")
    expect(reset).toBe(false)
    expect(yield* heard(200)).toEqual([...times(100, "begun"), ...times(100, "called off")])
  }),
)

// Node runs what is due while it hands a body on, with the next request still to be parsed.
it.live.each([4, 10, 150])(
  "what came in one packet with the first that is too many is not begun (%s in all)",
  (count) =>
    Effect.gen(function* () {
      const { port, begin, heard, unheard } = yield* boundedGateway({ onConnection: 3, inAll: 1_000 })
      const { socket, closed } = yield* rawConnection(port)
      socket.write(hello.repeat(count))
      expect((yield* closed).received.toString().match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 429"])
      yield* Deferred.succeed(begin, undefined)
      const another = yield* rawConnection(port)
      another.socket.write(hello)
      yield* another.seen("said")
      expect(yield* heard(7)).toEqual([...times(3, "begun"), ...times(3, "called off"), "begun"])
      expect(yield* unheard).toBe(0)
    }),
)

it.live("as many as may wait are answered, and then as many again", () =>
  Effect.gen(function* () {
    const { port, begin, heard } = yield* boundedGateway({ onConnection: 3, inAll: 3 })
    const { socket, seen } = yield* rawConnection(port)
    socket.write(hello.repeat(3))
    yield* heard(3)
    yield* Deferred.succeed(begin, undefined)
    yield* seen(/(said[^]*){3}$/)
    for (let round = 2; round < 5; round++) {
      socket.write(hello.repeat(3))
      expect(yield* seen(new RegExp(`(said[^]*){${3 * round}}$`))).not.toMatch(/HTTP\/1.1 [45]/)
    }
  }),
)

it.live("nothing is said into an answer that is under way", () =>
  Effect.gen(function* () {
    const audio = Stream.concat(Stream.make(Buffer.from("first")), Stream.never)
    const { port } = yield* startGateway({ programs: Layer.merge(speechOf({ bytes: audio }), transcriptionOf()) })
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write(hello)
    yield* seen("first")
    socket.write(live.repeat(100))
    expect((yield* closed).received.toString().match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200"])
  }),
)

it.live("what all clients together send beyond the bound is refused, but for the question after its health", () =>
  Effect.gen(function* () {
    const { port, begin, heard } = yield* boundedGateway({ onConnection: 3, inAll: 2 })
    const first = yield* rawConnection(port)
    first.socket.write(hello)
    const second = yield* rawConnection(port)
    second.socket.write(hello)
    yield* heard(2)
    const third = yield* rawConnection(port)
    third.socket.write(hello)
    expect(yield* third.seen(/\}\}$/)).toMatch(/^HTTP\/1.1 503 [^]*\r\nretry-after: 5\r\n[^]*"server_is_overloaded"/i)
    third.socket.write(live)
    yield* third.seen('{"status":"live"}')
    first.socket.destroy()
    expect(yield* heard(1)).toEqual(["called off"])
    yield* Deferred.succeed(begin, undefined)
    third.socket.write(hello)
    yield* third.seen("said")
  }),
)

it.live("what is beyond it and would wait behind others closes its connection", () =>
  Effect.gen(function* () {
    const { port, heard } = yield* boundedGateway({ onConnection: 3, inAll: 1 })
    const { socket, closed } = yield* rawConnection(port)
    socket.write(hello.repeat(3))
    const { head, code } = answerIn((yield* closed).received)
    expect(head).toMatch(/^HTTP\/1.1 503 /)
    expect(code).toBe("server_is_overloaded")
    expect(yield* heard(2)).toEqual(["begun", "called off"])
  }),
)

const largeBody = "POST /v1/nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 400000\r\n\r\n"

it.live.each([
  ["large answers wait", "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(4)],
  ["a body waits that nobody reads", `${largeBody}${"x".repeat(300_000)}`],
] as const)("a client that leaves while %s behind its speech is noticed", ([, behind]) =>
  Effect.gen(function* () {
    const { port, heard } = yield* boundedGateway()
    const { socket } = yield* rawConnection(port)
    socket.write(hello)
    yield* heard(1)
    socket.write(behind)
    // By then it is with the gateway.
    const another = yield* rawConnection(port)
    another.socket.write(live)
    yield* another.seen('{"status":"live"}')
    socket.resetAndDestroy()
    expect(yield* heard(1)).toEqual(["called off"])
  }),
)
