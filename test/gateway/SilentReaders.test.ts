/**
 * A client that stays connected and reads nothing is cut, whatever it asked for: it would hold a flight, an open file and a
 * hold on its account for as long as it likes. It pays for what it was handed (`docs/billing.md`).
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Logger, Queue, References } from "effect"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

/** 13 MB of audio: more than a connection takes without a reader. */
const speech = (name: string) => ({
  model: "tts-1",
  voice: "alloy",
  input: `${name} takes five minutes to say. `.repeat(120).slice(0, 4_096),
  response_format: "wav",
})

layer(NodeServices.layer, { excludeTestServices: true })("SilentReaders", (it) => {
  it.effect("who reads nothing of a hit, a miss or an entry is reset, by HTTP/1.1 and 1.0", () =>
    Effect.gen(function* () {
      const ended = yield* Queue.unbounded<string>()
      const logger = Logger.make<unknown, void>(({ fiber, message }) => {
        const notes = fiber.getRef(References.CurrentLogAnnotations) as Record<string, string | undefined>
        if (String(message) !== "Request" || notes["ended"] === undefined) return
        Queue.offerUnsafe(ended, `${notes["method"]} ${notes["x_cache"]} ${notes["ended"]}`)
      })
      const nim = yield* countedNim()
      const gateway = yield* startAviary(nim, { readerTimeout: "300 millis" }, { loggers: [logger] })
      const made = yield* postSpeech(gateway.url, speech("This"))
      yield* Effect.promise(() => made.arrayBuffer())

      const post = (name: string) => jsonPost("/v1/audio/speech", speech(name))
      const get = `GET ${made.headers.get("content-location")} HTTP/1.1\r\nhost: localhost\r\n\r\n`
      for (const version of ["HTTP/1.1", "HTTP/1.0"]) {
        for (const [kind, request] of [
          ["POST HIT", post("This")],
          ["POST MISS", post(version)],
          ["GET HIT", get],
        ] as const) {
          const { socket, closed } = yield* rawConnection(gateway.port)
          socket.pause()
          socket.write(request.replace("HTTP/1.1", version))
          expect(yield* Queue.take(ended)).toBe(`${kind} client left`)
          socket.resume()
          const { received, reset } = yield* closed
          expect([received.subarray(0, 15).toString(), reset]).toEqual(["HTTP/1.1 200 OK", true])
          expect(received.length).toBeLessThan(13_000_000)
        }
      }
    }),
  )
})
