/**
 * Everything a client or an engine can make long, large or late has a limit, and each limit its own clear error in the
 * envelope. Gateways die of the one that was forgotten: a body that never ends, a queue without an end, an engine that
 * keeps the line open, a cache that fills the disk.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Schedule, Schema } from "effect"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { ErrorEnvelope } from "../../src/contract/ErrorEnvelope.ts"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const decode = Schema.decodeUnknownSync(ErrorEnvelope)

const told = (response: Response) =>
  Effect.promise(async () => {
    const { error } = decode(await response.json())
    return {
      status: response.status,
      code: error.code,
      message: error.message,
      retryAfter: response.headers.get("retry-after"),
    }
  })

const refusal = (url: string, body: Record<string, unknown> = {}) => Effect.flatMap(postSpeech(url, body), told)

const upload = (url: string, file: Uint8Array) =>
  Effect.promise((signal) => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([file as Uint8Array<ArrayBuffer>]), "a.wav")
    return fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form, signal })
  })

/** The answer to a request of which only this much is ever sent. */
const unfinished = Effect.fnUntraced(function* (port: number, head: ReadonlyArray<string>, start: string) {
  const connection = yield* rawConnection(port)
  connection.socket.write([...head, "host: localhost", "", start].join("\r\n"))
  const { received } = yield* connection.closed
  const text = received.toString("utf8")
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]),
    code: decode(JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4))).error.code,
  }
})

/** One second of 16 kHz silence. */
const silence = () => {
  const wav = Buffer.alloc(44 + 32_000)
  wav.write("RIFF", 0)
  wav.writeUInt32LE(36 + 32_000, 4)
  wav.write("WAVEfmt ", 8)
  wav.set([16, 0, 0, 0, 1, 0, 1, 0], 16)
  wav.writeUInt32LE(16_000, 24)
  wav.writeUInt32LE(32_000, 28)
  wav.set([2, 0, 16, 0], 32)
  wav.write("data", 36)
  wav.writeUInt32LE(32_000, 40)
  return wav
}

/** Where connections are neither taken nor refused: a thread that listens and sleeps, with its backlog full. */
const deaf = Effect.gen(function* () {
  const asleep = new Int32Array(new SharedArrayBuffer(4))
  const thread = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Worker(
          `const { parentPort, workerData } = require("node:worker_threads")
           const server = require("node:net").createServer()
           server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
             parentPort.postMessage(server.address().port)
             setImmediate(() => Atomics.wait(workerData, 0, 0))
           })`,
          { eval: true, workerData: asleep },
        ),
    ),
    (worker) =>
      Effect.promise(() => {
        Atomics.store(asleep, 0, 1)
        Atomics.notify(asleep, 0)
        return worker.terminate()
      }),
  )
  const port = yield* Effect.callback<number>(
    (resume) => void thread.once("message", (at) => resume(Effect.succeed(at))),
  )
  for (let waiting = 0; waiting < 2; waiting++) yield* rawConnection(port)
  return { url: new URL(`http://127.0.0.1:${port}`) }
})

const engineClocks: ReadonlyArray<[string, NimFault, Record<string, string>, number]> = [
  ["does not begin its answer", { kind: "hang" }, { firstByteTimeout: "300 millis" }, 1],
  ["falls silent before its first audio", { kind: "hang", afterBytes: 20 }, { idleTimeout: "300 millis" }, 1],
  ["takes longer altogether than it may", { kind: "hang" }, { magpieTimeout: "1200 millis" }, 2],
]

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })(
  "NothingUnbounded",
  (it) => {
    it.effect(
      "bodies: a JSON request of 256 KiB, an upload of AVIARY_UPLOAD_MAX_BYTES, a text of 4,096 code points",
      () =>
        Effect.gen(function* () {
          const { port, scratchFiles, strays, url } = yield* startAviary(yield* NimTest, { uploadMaxBytes: "1 MiB" })
          expect(yield* refusal(url, { instructions: "x".repeat(300_000) })).toMatchObject({
            status: 413,
            code: "request_too_large",
          })
          expect(yield* refusal(url, { input: "é".repeat(4_097) })).toMatchObject({
            status: 400,
            code: "string_above_max_length",
          })
          expect((yield* postSpeech(url, { input: "𝄞 ".repeat(2_048) })).status).toBe(200)
          const large = yield* upload(url, new Uint8Array(1_048_577))
          expect(yield* told(large)).toMatchObject({ status: 413, code: "request_too_large" })

          // Without a length to judge by, it is cut where it passes the limit.
          const endless = yield* rawConnection(port)
          const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
          endless.socket.write(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n" +
              `transfer-encoding: chunked\r\n\r\n${part.length.toString(16)}\r\n${part}\r\n`,
          )
          // What is asked at the end can see it.
          yield* Effect.repeat(scratchFiles, {
            until: (files) => files.length === 1,
            schedule: Schedule.spaced("5 millis"),
          })
          for (let sent = 0; sent < 40; sent++) endless.socket.write(`8000\r\n${"x".repeat(0x8000)}\r\n`)
          const answer = yield* endless.seen('"code":"request_too_large"')
          expect(answer).toMatch(/^HTTP\/1\.1 413 /)
          expect(yield* strays).toEqual([])
        }),
    )

    it.effect("a body that does not arrive in time is answered 408, be it JSON or an upload", () =>
      Effect.gen(function* () {
        const { port } = yield* startAviary(yield* NimTest, { uploadTimeout: "400 millis" })
        const json = ["POST /v1/audio/speech HTTP/1.1", "content-type: application/json", "content-length: 1000"]
        const form = [
          "POST /v1/audio/transcriptions HTTP/1.1",
          "content-type: multipart/form-data; boundary=b",
          "content-length: 1000",
        ]
        const timeout = { status: 408, code: "request_timeout" }
        expect(yield* unfinished(port, json, '{"model":"tts-1",')).toEqual(timeout)
        expect(yield* unfinished(port, form, '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwh')).toEqual(
          timeout,
        )
      }),
    )

    it.effect("the line before an engine: its length and the wait in it, with Retry-After", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        yield* nim.setFaults([{ kind: "hang", route: "synthesize_online" }])
        const { url } = yield* startAviary(nim, { magpieConcurrency: "1", queueLength: "1", queueWait: "3 seconds" })
        const abort = new AbortController()
        const busy = (input: string) =>
          Effect.forkScoped(
            Effect.promise(() =>
              fetch(`${url}/v1/audio/speech`, {
                method: "POST",
                headers: { "content-type": "application/json" },
                body: JSON.stringify({ model: "tts-1", voice: "alloy", input }),
                signal: abort.signal,
              }).catch(() => undefined),
            ),
          )
        yield* busy("The first one has the engine.")
        yield* Effect.eventually(
          Effect.filterOrFail(
            nim.calls,
            ({ working }) => working === 1,
            () => "not yet",
          ),
        )
        // Which of them comes first is not to be seen from outside. It waits in line, and the other one finds the line full.
        const asked = ["The second one.", "The third one."].map((input) => refusal(url, { input }))
        const told: Array<string> = []
        yield* Effect.forEach(
          asked,
          Effect.tap((answer) =>
            Effect.sync(() => {
              expect(answer).toMatchObject({ status: 503, code: "server_is_overloaded", retryAfter: "5" })
              told.push(answer.message)
            }),
          ),
          { concurrency: "unbounded" },
        )
        expect(told).toEqual([
          expect.stringContaining("1 requests already wait"),
          expect.stringContaining("turn did not come"),
        ])
        abort.abort()
        yield* nim.setFaults([])
      }),
    )

    it.effect("requests on one connection: 100 that wait for their answers", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const { port, strays } = yield* startAviary(nim)
        const connection = yield* rawConnection(port)
        connection.socket.write(
          jsonPost("/v1/audio/speech", { model: "tts-1", voice: "alloy", input: "All." }).repeat(500),
        )
        const { received, reset } = yield* connection.closed
        const all = received.toString("latin1")
        expect(all.match(/HTTP\/1\.1 \d+/g)).toEqual([...Array<string>(100).fill("HTTP/1.1 200"), "HTTP/1.1 429"])
        const [head = "", body = ""] = all.slice(all.lastIndexOf("HTTP/1.1 429")).split("\r\n\r\n")
        expect(head).toMatch(/\r\nretry-after: 5\r\n[^]*\r\nconnection: close/i)
        expect(decode(JSON.parse(body)).error.code).toBe("too_many_pipelined")
        expect(reset).toBe(false)
        expect(yield* strays).toEqual([])
      }),
    )

    it.effect.each(engineClocks)("an engine that %s is answered 504", ([, fault, settings, seconds]) =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const { strays, url } = yield* startAviary(nim, settings)
        yield* nim.setFaults([{ ...fault, route: "synthesize_online" }])
        expect(yield* refusal(url)).toMatchObject({
          status: 504,
          code: "engine_timeout",
          message: `The text-to-speech engine did not answer in time (${seconds} seconds).`,
        })
        yield* nim.setFaults([])
        expect(yield* strays).toEqual([])
      }),
    )

    it.effect("an engine that does not take the connection is answered 504", () =>
      Effect.gen(function* () {
        const { url } = yield* startAviary(yield* deaf, { connectTimeout: "1 second" })
        expect(yield* refusal(url)).toMatchObject({ status: 504, code: "engine_timeout" })
      }),
    )

    it.effect("an engine that falls silent in mid-stream, or never ends, has its answer broken off", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const input = "A text of some length, so that there is audio before the silence."
        const { strays, url } = yield* startAviary(nim, { idleTimeout: "300 millis", magpieTimeout: "1500 millis" })
        for (const fault of [
          { kind: "hang", afterBytes: 60_000 },
          { kind: "slow", millis: 100 },
        ] as const) {
          yield* nim.setFaults([{ ...fault, route: "synthesize_online" }])
          const response = yield* postSpeech(url, { input, response_format: "pcm" })
          expect(response.status).toBe(200)
          const whole = yield* Effect.promise(() =>
            response.arrayBuffer().then(
              () => true,
              () => false,
            ),
          )
          expect(whole).toBe(false)
        }
        yield* nim.setFaults([])
        expect(yield* strays).toEqual([])
      }),
    )

    it.effect("a transcription that takes longer than AVIARY_PARAKEET_TIMEOUT is answered 504", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const { strays, url } = yield* startAviary(nim, { parakeetTimeout: "400 millis" })
        yield* nim.setFaults([{ kind: "hang", route: "transcriptions" }])
        const answer = yield* Effect.flatMap(upload(url, silence()), told)
        expect(answer).toMatchObject({ status: 504, code: "engine_timeout" })
        expect(answer.message).toContain("speech-to-text")
        yield* nim.setFaults([])
        expect(yield* strays).toEqual([])
      }),
    )

    it.effect(
      "the cache stays within AVIARY_CACHE_MAX_BYTES, longest unused out first; what is larger is not kept",
      () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const cacheDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-bounded-" })
          const { url } = yield* startAviary(yield* NimTest, {
            cacheDir,
            cacheMaxBytes: "350 KiB",
            cacheMemoryBytes: "0",
          })
          const ask = (body: Record<string, unknown>) =>
            Effect.flatMap(postSpeech(url, { response_format: "pcm", ...body }), (response) =>
              Effect.promise(async () => {
                await response.arrayBuffer()
                return response.headers.get("x-cache")
              }),
            )
          const bytes = () =>
            readdirSync(cacheDir, { recursive: true, withFileTypes: true })
              .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
              .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
          // About 100 kB each: three of them fit, the fourth does not.
          const text = (name: string) => `Number ${name} of thirty letters..`
          for (const name of ["one", "two", "six", "ten"]) {
            expect(yield* ask({ input: text(name) })).toBe("MISS")
            expect(bytes()).toBeLessThanOrEqual(350 * 1_024)
          }
          expect(yield* ask({ input: text("ten") })).toBe("HIT")
          expect(yield* ask({ input: text("one") })).toBe("MISS")
          const large = { input: text("all").repeat(5) }
          expect([yield* ask(large), yield* ask(large)]).toEqual(["MISS", "MISS"])
          expect(bytes()).toBeLessThanOrEqual(350 * 1_024)
        }),
    )
  },
)
