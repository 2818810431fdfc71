/**
 * When the last listener leaves, the engine call is gone within a second and the temporary file with it. An engine that
 * goes on speaking for nobody is a GPU that is not there for the next one, and clients that time out retry: without this,
 * one slow answer becomes three syntheses.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { KeptBytes } from "../../src/cache/Flights.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const body = {
  model: "tts-1",
  voice: "alloy",
  input: "Nobody will listen to the end of this. ".repeat(12),
  response_format: "pcm",
}

/** Polls for at most a second: the time the promise allows. */
const withinASecond = (condition: Effect.Effect<boolean>) =>
  condition.pipe(
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed(false) }),
  )

layer(Layer.provideMerge(NimTest.layerRealTime, NodeServices.layer), { excludeTestServices: true })(
  "AbandonedFreesEngine",
  (it) => {
    it.effect("a client that leaves in mid-stream ends the engine's work and leaves no file", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        // Such a file as a long speech has.
        const gateway = yield* startAviary(nim).pipe(Effect.provideService(KeptBytes, 0))
        const connection = yield* rawConnection(gateway.port)
        connection.socket.write(jsonPost("/v1/audio/speech", body))
        yield* connection.seen("200 OK")
        expect((yield* nim.calls).working).toBe(1)
        expect(yield* withinASecond(Effect.map(gateway.scratchFiles, ({ length }) => length === 1))).toBe(true)
        connection.socket.destroy()
        const gone = Effect.all([nim.calls, gateway.scratchFiles]).pipe(
          Effect.map(([calls, files]) => calls.working === 0 && files.length === 0),
        )
        expect(yield* withinASecond(gone)).toBe(true)
        const { synthesize_online } = (yield* nim.calls).routes
        expect(synthesize_online.aborted).toBe(synthesize_online.started)
      }),
    )

    it.effect("however long the ledger takes to charge what the client was handed", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startPaying(nim)
        gateway.faults.set("settle", (run) => Effect.delay(run, "3 seconds"))
        const connection = yield* rawConnection(gateway.port)
        const post = jsonPost("/v1/audio/speech", body)
        connection.socket.write(post.replace("\r\n", `\r\nauthorization: ${gateway.authorization}\r\n`))
        yield* connection.seen("200 OK")
        connection.socket.destroy()
        expect(yield* withinASecond(Effect.map(nim.calls, ({ working }) => working === 0))).toBe(true)
        expect((yield* gateway.books).held).toBeGreaterThan(0)
      }),
    )

    it.effect("a client that leaves before the first audio does so too", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        yield* nim.setFaults([{ kind: "hang", route: "synthesize_online" }])
        const gateway = yield* startAviary(nim)
        const connection = yield* rawConnection(gateway.port)
        connection.socket.write(jsonPost("/v1/audio/speech", body))
        const busy = Effect.map(nim.calls, ({ working }) => working === 1)
        expect(yield* withinASecond(busy)).toBe(true)
        connection.socket.destroy()
        expect(yield* withinASecond(Effect.map(nim.calls, ({ working }) => working === 0))).toBe(true)
        yield* nim.setFaults([])
      }),
    )

    it.effect("one of two listeners leaving frees nothing; the other hears all of it", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startAviary(nim)
        const before = (yield* nim.calls).routes.synthesize_online
        const short = { ...body, input: "Two of us listen to this." }
        const leader = yield* rawConnection(gateway.port)
        leader.socket.write(jsonPost("/v1/audio/speech", short))
        yield* leader.seen("200 OK")
        const follower = yield* postSpeech(gateway.url, short)
        expect(follower.headers.get("x-cache")).toBe("COALESCED")
        leader.socket.destroy()
        const whole = yield* Effect.promise(() => follower.arrayBuffer())
        expect(whole.byteLength / 48_000).toBeCloseTo(short.input.length * 0.07, 1)
        const after = (yield* nim.calls).routes.synthesize_online
        expect([after.started - before.started, after.aborted - before.aborted]).toEqual([1, 0])
      }),
    )
  },
)
