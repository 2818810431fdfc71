import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Stream } from "effect"
import { Speech } from "../../../src/speech/Speech.ts"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"

const request = jsonPost("/v1/audio/speech", { model: "tts-1", input: "Hello.", voice: "alloy" })

/** A gateway whose speech begins when `begin` is done, goes on when `more` is, and tells by `left` that nobody wants it. */
const slowSpeech = Effect.gen(function* () {
  const [asked, begin, more, left] = yield* Effect.all([
    Deferred.make<void>(),
    Deferred.make<void>(),
    Deferred.make<void>(),
    Deferred.make<void>(),
  ])
  const tell = Deferred.succeed(left, undefined)
  const audio = Stream.concat(
    Stream.make(Buffer.from("first")),
    Stream.fromEffect(Effect.as(Deferred.await(more), Buffer.from("last"))),
  ).pipe(Stream.onExit((exit) => (exit._tag === "Failure" ? tell : Effect.void)))
  const speech = Layer.effect(
    Speech,
    Effect.map(Speech, (program) => ({
      speak: (...of: Parameters<typeof program.speak>) =>
        Deferred.succeed(asked, undefined).pipe(
          Effect.andThen(Effect.onInterrupt(Deferred.await(begin), () => tell)),
          Effect.andThen(program.speak(...of)),
        ),
    })),
  ).pipe(Layer.provide(speechOf({ bytes: audio })))
  const { port } = yield* startGateway({ programs: Layer.merge(speech, transcriptionOf()) })
  return { port, asked, begin, more, left }
})

const versions = [
  ["HTTP/1.1", request],
  ["HTTP/1.0", request.replace("HTTP/1.1", "HTTP/1.0")],
] as const

it.live("a client that closes its half and waits is asked whether it is there, and gets its answer", () =>
  Effect.gen(function* () {
    const { port, begin, more } = yield* slowSpeech
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.end(request)
    yield* seen(/(HTTP\/1\.1 100 Continue\r\n\r\n){3}$/)
    yield* Deferred.succeed(begin, undefined)
    yield* seen("first")
    yield* Deferred.succeed(more, undefined)
    const { received, reset } = yield* closed
    expect(received.toString()).toMatch(/HTTP\/1\.1 200 OK\r\n[^]*last\r\n0\r\n\r\n$/)
    expect(reset).toBe(false)
  }),
)

it.live.each(versions)("one of %s whose answer is there at once gets it without being asked", ([, bytes]) =>
  Effect.gen(function* () {
    const { port, begin, more } = yield* slowSpeech
    yield* Deferred.succeed(begin, undefined)
    yield* Deferred.succeed(more, undefined)
    const { socket, closed } = yield* rawConnection(port)
    socket.end(bytes)
    const { received, reset } = yield* closed
    expect(received.toString()).toMatch(/^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 OK\r\n[^]*last/)
    expect(reset).toBe(false)
  }),
)

it.live.each(versions)("one of %s that left altogether before its answer is waited for no longer", ([, bytes]) =>
  Effect.gen(function* () {
    const { port, asked, left } = yield* slowSpeech
    const { socket } = yield* rawConnection(port)
    socket.write(bytes)
    yield* Deferred.await(asked)
    socket.destroy()
    yield* Deferred.await(left)
  }),
)

it.live("nor is one that said for a while that it was still there", () =>
  Effect.gen(function* () {
    const { port, left } = yield* slowSpeech
    const { socket, seen } = yield* rawConnection(port)
    socket.end(request)
    yield* seen(/(HTTP\/1\.1 100 Continue\r\n\r\n){3}$/)
    socket.destroy()
    yield* Deferred.await(left)
  }),
)

it.live("nor is one that left while its answer paused", () =>
  Effect.gen(function* () {
    const { port, begin, left } = yield* slowSpeech
    yield* Deferred.succeed(begin, undefined)
    const { socket, seen } = yield* rawConnection(port)
    socket.write(request)
    yield* seen("first")
    socket.destroy()
    yield* Deferred.await(left)
  }),
)

it.live("nor is one that left with a second request behind the first", () =>
  Effect.gen(function* () {
    const { port, asked, left } = yield* slowSpeech
    const { socket } = yield* rawConnection(port)
    socket.write(request + request)
    yield* Deferred.await(asked)
    socket.destroy()
    yield* Deferred.await(left)
  }),
)

it.live("nor is one that left once it had the first of two answers", () =>
  Effect.gen(function* () {
    const [begin, left] = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
    let calls = 0
    const speech = Layer.effect(
      Speech,
      Effect.map(Speech, (program) => ({
        speak: (...of: Parameters<typeof program.speak>) =>
          calls++ === 0
            ? Effect.andThen(Deferred.await(begin), program.speak(...of))
            : Effect.onInterrupt(Effect.never, () => Deferred.succeed(left, undefined)),
      })),
    ).pipe(Layer.provide(speechOf({ bytes: Stream.make(Buffer.from("whole")) })))
    const { port } = yield* startGateway({ programs: Layer.merge(speech, transcriptionOf()) })
    const { socket, seen } = yield* rawConnection(port)
    socket.end(request + request)
    yield* seen("100 Continue")
    yield* Deferred.succeed(begin, undefined)
    yield* seen("whole")
    socket.destroy()
    yield* Deferred.await(left)
  }),
)
