import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { MostUnderWay } from "../../../src/http/connection/UnderWay.ts"
import { Speech } from "../../../src/speech/Speech.ts"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"

const hello = jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" })
const schema = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"
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

const statuses = (received: Buffer) => received.toString().match(/HTTP\/1.1 \d+/g)

const bodyIn = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4)

/** The last of what was received. */
const lastAnswer = (received: Buffer) => {
  const all = received.toString()
  const [head = "", body = ""] = all.slice(all.lastIndexOf("HTTP/1.1 ")).split("\r\n\r\n")
  return { head, code: JSON.parse(body).error.code }
}

it.live(
  "of what a client sends without waiting as much is answered as may wait; the next one is told so, and is the last",
  () =>
    Effect.gen(function* () {
      const { port, begin, heard, unheard } = yield* boundedGateway()
      const { socket, closed } = yield* rawConnection(port)
      socket.write(hello.repeat(5_000))
      expect(yield* heard(100)).toEqual(times(100, "begun"))
      yield* Deferred.succeed(begin, undefined)
      const { received, reset } = yield* closed
      expect(statuses(received)).toEqual([...times(100, "HTTP/1.1 200"), "HTTP/1.1 429"])
      const { head, code } = lastAnswer(received)
      expect(head.toLowerCase()).toContain("\r\nconnection: close")
      expect(head.toLowerCase()).toContain("\r\nretry-after: 5")
      expect(code).toBe("too_many_pipelined")
      expect(reset).toBe(false)
      expect(yield* unheard).toBe(0)
    }),
)

it.live.each([101, 150, 1_000])("%s large answers to a single packet leave whole, as far as they may wait", (count) =>
  Effect.gen(function* () {
    const { port } = yield* boundedGateway()
    const alone = yield* rawConnection(port)
    alone.socket.write(schema)
    const { length } = bodyIn(yield* alone.seen(/\}$/))
    const { socket, closed } = yield* rawConnection(port)
    socket.write(schema.repeat(count))
    const { received, reset } = yield* closed
    expect(statuses(received)).toEqual([...times(100, "HTTP/1.1 200"), "HTTP/1.1 429"])
    expect(lastAnswer(received).code).toBe("too_many_pipelined")
    const answers = received.toString("latin1").split(/(?=HTTP\/1.1 200)/)
    for (const answer of answers.slice(0, 99)) expect(bodyIn(answer)).toHaveLength(length)
    expect(reset).toBe(false)
  }),
)

it.live("a client that leaves while more than may wait were sent has all of it called off", () =>
  Effect.gen(function* () {
    const { port, heard, unheard } = yield* boundedGateway()
    const { socket } = yield* rawConnection(port)
    socket.write(hello.repeat(500))
    expect(yield* heard(100)).toEqual(times(100, "begun"))
    socket.resetAndDestroy()
    expect(yield* heard(100)).toEqual(times(100, "called off"))
    expect(yield* unheard).toBe(0)
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
      yield* heard(3)
      yield* Deferred.succeed(begin, undefined)
      expect(statuses((yield* closed).received)).toEqual([...times(3, "HTTP/1.1 200"), "HTTP/1.1 429"])
      const another = yield* rawConnection(port)
      another.socket.write(hello)
      yield* another.seen("said")
      expect(yield* heard(1)).toEqual(["begun"])
      expect(yield* unheard).toBe(0)
    }),
)

it.live.each([
  ["bytes that are no HTTP", "nonsense\r\n\r\n"],
  ["a tunnel", "CONNECT nowhere:443 HTTP/1.1\r\nhost: localhost\r\n\r\n"],
  ["half of a request", "POST /v1/audio/speech HTTP/1.1\r\nhost: loc"],
  ["half of a body", hello.slice(0, -5)],
] as const)("%s behind what is too many, in its packet and after it, changes nothing", ([, rest]) =>
  Effect.gen(function* () {
    const { port, begin, heard } = yield* boundedGateway({ onConnection: 3, inAll: 1_000 })
    const { socket, closed } = yield* rawConnection(port)
    socket.write(hello.repeat(4) + rest)
    yield* heard(3)
    socket.write(rest)
    // By then it is with the gateway.
    const another = yield* rawConnection(port)
    another.socket.write(live)
    yield* another.seen('{"status":"live"}')
    socket.write(rest)
    yield* Deferred.succeed(begin, undefined)
    const { received, reset } = yield* closed
    expect(statuses(received)).toEqual([...times(3, "HTTP/1.1 200"), "HTTP/1.1 429"])
    expect(reset).toBe(false)
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

it.live("an answer that is under way is finished before one that is too many behind it is told so", () =>
  Effect.gen(function* () {
    const go = yield* Deferred.make<void>()
    const audio = Stream.concat(
      Stream.make(Buffer.from("first")),
      Stream.fromEffect(Effect.as(Deferred.await(go), Buffer.from("second"))),
    )
    const { port } = yield* startGateway({ programs: Layer.merge(speechOf({ bytes: audio }), transcriptionOf()) })
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write(hello)
    yield* seen("first")
    socket.write(schema.repeat(100))
    const another = yield* rawConnection(port)
    another.socket.write(live)
    yield* another.seen('{"status":"live"}')
    yield* Deferred.succeed(go, undefined)
    const { received, reset } = yield* closed
    expect(received.toString()).toMatch(/first[^]*second/)
    expect(statuses(received)).toEqual([...times(100, "HTTP/1.1 200"), "HTTP/1.1 429"])
    expect(reset).toBe(false)
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

it.live("what is beyond it and waits behind others is refused at its turn, and is the last on its connection", () =>
  Effect.gen(function* () {
    const { port, begin, heard, unheard } = yield* boundedGateway({ onConnection: 3, inAll: 1 })
    const { socket, closed } = yield* rawConnection(port)
    socket.write(hello.repeat(3))
    expect(yield* heard(1)).toEqual(["begun"])
    yield* Deferred.succeed(begin, undefined)
    const { received } = yield* closed
    expect(statuses(received)).toEqual(["HTTP/1.1 200", "HTTP/1.1 503"])
    expect(lastAnswer(received).code).toBe("server_is_overloaded")
    expect(yield* unheard).toBe(0)
  }),
)

const largeBody = "POST /v1/nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 400000\r\n\r\n"

it.live.each([
  ["large answers wait", schema.repeat(4)],
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
