/**
 * A response that ends cleanly is the whole audio. An engine that dies or stops early after the first bytes must break the
 * client's connection: a clean end would make half a file a whole one for every player and cache behind us.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger, Queue, References } from "effect"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { nginxByDefault, skipsProxies } from "../support/proxies.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const input = "A text that is long enough for the engine to make some seconds of audio before it breaks off."
const body = { model: "tts-1", voice: "alloy", input, response_format: "pcm" }

/** Bytes of the engine's 22,050 Hz audio for half of the text. */
const half = Math.floor(input.length / 2) * 1_544 * 2

const asHttp10 = (asked: unknown) => jsonPost("/v1/audio/speech", asked).replace("HTTP/1.1", "HTTP/1.0")

const faults: ReadonlyArray<[string, NimFault]> = [
  ["is cut in mid-stream", { kind: "cut", afterBytes: half }],
  ["is reset in mid-stream", { kind: "cut", afterBytes: half, reset: true }],
  ["ends early but cleanly, with half of the audio", { kind: "shorten", afterBytes: half }],
  ["ends with half a sample", { kind: "shorten", afterBytes: half + 1 }],
]

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })(
  "CleanEndMeansComplete",
  (it) => {
    it.effect.each(faults)("breaks the connection when the engine %s", ([, fault]) =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startAviary(nim)
        yield* nim.setFaults([{ ...fault, route: "synthesize_online" }])
        const connection = yield* rawConnection(gateway.port)
        connection.socket.write(jsonPost("/v1/audio/speech", body))
        const { received } = yield* connection.closed
        const text = received.toString("latin1")
        expect(text).toMatch(/^HTTP\/1\.1 200 /)
        expect(text.toLowerCase()).toContain("transfer-encoding: chunked")
        expect(received.length).toBeGreaterThan(half / 2)
        expect(text.endsWith("0\r\n\r\n")).toBe(false)

        yield* nim.setFaults([])
        const again = yield* postSpeech(gateway.url, body)
        expect(again.headers.get("x-cache")).toBe("MISS")
        const whole = yield* Effect.promise(() => again.arrayBuffer())
        expect(whole.byteLength / 48_000).toBeCloseTo(input.length * 0.07, 1)
        expect(yield* gateway.strays).toEqual([])
      }),
    )

    it.effect("says in the log why it broke off", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const lines = yield* Queue.unbounded<string>()
        const logger = Logger.make<unknown, void>(({ fiber, message }) => {
          const { why } = fiber.getRef(References.CurrentLogAnnotations)
          if (String(message).includes("broken off")) Queue.offerUnsafe(lines, String(why))
        })
        const gateway = yield* startAviary(nim, {}, { loggers: [logger] })
        yield* nim.setFaults([{ kind: "shorten", afterBytes: half, route: "synthesize_online" }])
        const connection = yield* rawConnection(gateway.port)
        connection.socket.write(jsonPost("/v1/audio/speech", body))
        yield* connection.closed
        expect(yield* Queue.take(lines)).toMatch(
          /^Incomplete: it ended after \d\.\d s, and the text takes \d\.\d s at least\./,
        )
        yield* nim.setFaults([])
      }),
    )

    it.effect.each(faults)("resets the connection of an HTTP/1.0 client when the engine %s", ([, fault]) =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startAviary(nim)
        yield* nim.setFaults([{ ...fault, route: "synthesize_online" }])
        const { socket, closed } = yield* rawConnection(gateway.port)
        socket.write(asHttp10(body))
        const { received, reset } = yield* closed
        // Nothing but the close says where this body ends, and a close alone says that it is whole.
        expect(received.toString("latin1")).not.toMatch(/content-length|transfer-encoding/i)
        expect(received.length).toBeGreaterThan(half / 2)
        expect(reset).toBe(true)

        yield* nim.setFaults([])
        const again = yield* rawConnection(gateway.port)
        again.socket.write(asHttp10(body))
        const whole = yield* again.closed
        expect(whole.received.toString("latin1")).toMatch(/x-cache: MISS/i)
        expect(whole.received.length / 48_000).toBeCloseTo(input.length * 0.07, 1)
        expect(whole.reset).toBe(false)
      }),
    )

    it.effect.skipIf(skipsProxies)("breaks off what comes through an nginx that nobody has told of HTTP/1.1", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startAviary(nim)
        const port = Number(new URL(yield* nginxByDefault(gateway.port)).port)
        for (const [, fault] of faults) {
          yield* nim.setFaults([{ ...fault, route: "synthesize_online" }])
          const broken = yield* rawConnection(port)
          broken.socket.write(jsonPost("/v1/audio/speech", body))
          const text = (yield* broken.closed).received.toString("latin1")
          expect(text).toMatch(/^HTTP\/1\.1 200 /)
          expect(text.length).toBeGreaterThan(half / 2)
          expect(text.endsWith("0\r\n\r\n")).toBe(false)
        }
        yield* nim.setFaults([])
        const { socket, seen } = yield* rawConnection(port)
        socket.write(jsonPost("/v1/audio/speech", body))
        expect(yield* seen(/\r\n0\r\n\r\n$/)).toMatch(/x-cache: MISS/i)
      }),
    )

    it.effect("ends cleanly, with the chunk of length zero, when everything is there", () =>
      Effect.gen(function* () {
        const gateway = yield* startAviary(yield* NimTest)
        const connection = yield* rawConnection(gateway.port)
        connection.socket.write(jsonPost("/v1/audio/speech", body))
        yield* connection.seen(/\r\n0\r\n\r\n$/)
      }),
    )
  },
)
