/**
 * Most gateways are reached through nginx or Caddy. Set up as docs/proxies.md tells, real ones pass on what the gateway
 * promises: the first audio first, a broken-off speech as broken off, large recordings, and a client's leaving.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { request as httpRequest } from "node:http"
import { startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { caddyAsTold, caddyPassesOnCuts, nginxAsTold, skipsProxies } from "../support/proxies.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const named = { hosts: "voice.example.com" }
const speech = (input: string) => ({ model: "tts-1", voice: "alloy", input, response_format: "pcm" })
const long = "A text that is long enough to be heard for a while before it ends. ".repeat(8)
const short = "A text that is long enough for the engine to make some seconds of audio before it breaks off."

const post = (proxy: string, body: unknown) =>
  Effect.map(rawConnection(Number(new URL(proxy).port)), (connection) => {
    connection.socket.write(jsonPost("/v1/audio/speech", body).replace("host: localhost", "host: voice.example.com"))
    return connection
  })

/** A form sent with the name that the proxy goes by, which `fetch` would not send. */
const upload = (proxy: string, bytes: number) =>
  Effect.callback<{ readonly status: number; readonly text: string }>((resume) => {
    // 16-bit mono at 16,000 Hz.
    const wav = Buffer.alloc(bytes)
    wav.write("RIFF", 0)
    wav.writeUInt32LE(bytes - 8, 4)
    wav.write("WAVEfmt ", 8)
    wav.writeUInt32LE(16, 16)
    wav.writeUInt16LE(1, 20)
    wav.writeUInt16LE(1, 22)
    wav.writeUInt32LE(16_000, 24)
    wav.writeUInt32LE(32_000, 28)
    wav.writeUInt16LE(2, 32)
    wav.writeUInt16LE(16, 34)
    wav.write("data", 36)
    wav.writeUInt32LE(bytes - 44, 40)
    const before = Buffer.from(
      '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n',
    )
    const after = Buffer.from("\r\n--b--\r\n")
    const sent = httpRequest(
      `${proxy}/v1/audio/transcriptions`,
      {
        method: "POST",
        agent: false,
        headers: {
          host: "voice.example.com",
          "content-type": "multipart/form-data; boundary=b",
          "content-length": before.length + wav.length + after.length,
        },
      },
      (response) => {
        let text = ""
        response.on("data", (chunk: Buffer) => (text += chunk.toString()))
        response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, text })))
      },
    )
    // What is refused early may end before all is sent; the answer is what counts.
    sent.on("error", () => undefined)
    sent.write(before)
    sent.write(wav)
    sent.end(after)
  })

describe.skipIf(skipsProxies).each([
  ["nginx", nginxAsTold, (): boolean => true],
  ["Caddy", caddyAsTold, caddyPassesOnCuts],
] as const)("BehindAProxy: %s", (_, proxy, passesOnCuts) => {
  layer(Layer.provideMerge(NimTest.layerRealTime, NodeServices.layer), {
    excludeTestServices: true,
    timeout: "1 minute",
  })((it) => {
    it.effect("the first audio comes while the engine still speaks, and a client that leaves ends its work", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startAviary(nim, named)
        const connection = yield* post(yield* proxy(gateway.port), speech(long))
        yield* connection.seen(/200 OK[^]*\r\n\r\n[^]{4000}/)
        expect((yield* nim.calls).working).toBe(1)
        connection.socket.destroy()
        yield* nim.calls.pipe(
          Effect.repeat({ until: ({ working }) => working === 0, schedule: Schedule.spaced("20 millis") }),
        )
      }),
    )
  })

  layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true, timeout: "1 minute" })(
    (it) => {
      it.effect("a speech that is broken off arrives broken off, a whole one whole", () =>
        Effect.gen(function* () {
          const nim = yield* NimTest
          const gateway = yield* startAviary(nim, named)
          const url = yield* proxy(gateway.port)
          yield* nim.setFaults([{ kind: "cut", afterBytes: short.length * 1_544, route: "synthesize_online" }])
          const cut = yield* post(url, speech(short))
          if (passesOnCuts()) {
            const text = (yield* cut.closed).received.toString("latin1")
            expect(text).toMatch(/^HTTP\/1\.1 200 /)
            expect(text.endsWith("0\r\n\r\n")).toBe(false)
          } else {
            // What docs/proxies.md warns of, as it is.
            yield* cut.seen(/\r\n0\r\n\r\n$/)
          }
          yield* nim.setFaults([])
          yield* (yield* post(url, speech(short))).seen(/\r\n0\r\n\r\n$/)
        }),
      )

      it.effect("the largest recording passes, a larger one is told so", () =>
        Effect.gen(function* () {
          const gateway = yield* startAviary(yield* NimTest, named)
          const url = yield* proxy(gateway.port)
          const heard = yield* upload(url, 26_000_000)
          // A quarter of an hour of silence, of which no engine is asked.
          expect(heard).toMatchObject({ status: 200, text: expect.stringContaining('"seconds":813') })
          expect((yield* upload(url, 27_500_000)).status).toBe(413)
        }),
      )
    },
  )
})
