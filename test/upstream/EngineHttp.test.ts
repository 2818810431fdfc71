import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, References, Schedule, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer, type Socket } from "node:net"
import { Worker } from "node:worker_threads"
import { type EngineHttp, makeEngineHttp, readiness } from "../../src/upstream/EngineHttp.ts"
import { listenOnLoopback } from "../support/loopback.ts"

const clocks = {
  firstByte: Duration.millis(1_500),
  idle: Duration.millis(1_500),
  total: Duration.millis(3_000),
}

/** A server that answers every connection byte for byte with what `answer` gives for its request's head. */
const rawServer = (answer: (head: string) => string, keepsOpen = false) =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        createServer((socket) => {
          sockets.add(socket.on("error", () => {}))
          socket.on("data", (bytes) => {
            socket.write(answer(bytes.toString("latin1")))
            if (!keepsOpen) socket.end()
          })
        }),
      ),
      (opened) =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          opened.close()
        }),
    )
    return {
      url: yield* listenOnLoopback(server),
      connections: () => sockets.size,
      open: () => [...sockets].filter((socket) => !socket.closed).length,
    }
  })

const connectTimeout = Duration.millis(1_000)

const get = (http: EngineHttp, path = "/v1/thing") =>
  Effect.scoped(
    Effect.flatMap(http.call(HttpClientRequest.get(path), clocks), (answer) =>
      Stream.runFold(
        answer.body,
        () => "",
        (all, bytes) => all + Buffer.from(bytes).toString("latin1"),
      ),
    ),
  )

const firstLine = (head: string) => head.split("\r\n", 1)[0]!

const ok = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const status = (code: number, head = "") => `HTTP/1.1 ${code} X\r\n${head}content-length: 0\r\n\r\n`

describe("makeEngineHttp", () => {
  it.live("tells of the trace of a request that is not sampled, and of none where nothing is traced", () =>
    Effect.gen(function* () {
      const heads: Array<string> = []
      const { url } = yield* rawServer((head) => {
        heads.push(head)
        return ok("done")
      })
      const http = yield* makeEngineHttp(url, { connectTimeout })
      const span = yield* Effect.makeSpan("request", { sampled: false, root: true })
      yield* get(http).pipe(Effect.withParentSpan(span))
      yield* get(http).pipe(Effect.withSpan("another"), Effect.provideService(References.TracerEnabled, false))
      expect(heads[0]).toContain(`traceparent: 00-${span.traceId}-${span.spanId}-00`)
      expect(heads[1]).not.toContain("traceparent")
    }),
  )

  it.live("tells EngineUnreachable of a port nobody listens on", () =>
    Effect.gen(function* () {
      const server = createServer()
      const url = yield* listenOnLoopback(server)
      yield* Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      const http = yield* makeEngineHttp(url, { connectTimeout })
      const failure = yield* Effect.flip(get(http))
      expect(failure).toMatchObject({ _tag: "EngineUnreachable", message: expect.stringContaining("ECONNREFUSED") })
    }),
  )

  /** A server that tells of the connection on which it was asked, and answers nothing by itself. */
  const silentServer = Effect.gen(function* () {
    const asked = yield* Deferred.make<Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        createServer((socket) =>
          socket.on("error", () => {}).once("data", () => Deferred.doneUnsafe(asked, Effect.succeed(socket))),
        ),
      ),
      (opened) => Effect.sync(() => opened.close()),
    )
    return { url: yield* listenOnLoopback(server), asked: Deferred.await(asked) }
  })

  for (const [what, times, paused, failure] of [
    [
      "counts silence in mid-answer from its own beginning, however long the first byte may take",
      { firstByte: Duration.hours(1), idle: Duration.seconds(20), total: Duration.hours(2) },
      { reader: 0, upToEnd: Duration.seconds(20) },
      { phase: "idle", afterMillis: 20_000 },
    ],
    [
      "limits the whole time though its reader was slow meanwhile",
      { firstByte: Duration.hours(1), idle: Duration.hours(1), total: Duration.minutes(90) },
      { reader: Duration.minutes(80), upToEnd: Duration.seconds(5_370) },
      { phase: "total", afterMillis: 5_400_000 },
    ],
  ] as const) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { asked, url } = yield* silentServer
        const http = yield* makeEngineHttp(url, { connectTimeout })
        const heard = yield* Deferred.make<void>()
        const hear = Effect.andThen(Deferred.succeed(heard, undefined), Effect.sleep(paused.reader))
        const call = http.call(HttpClientRequest.get("/v1/thing"), times).pipe(
          Effect.flatMap(({ body }) => Stream.runForEach(body, () => hear)),
          Effect.scoped,
          Effect.flip,
        )
        const calling = yield* Effect.forkChild(call)
        const socket = yield* asked
        // It is looked at meanwhile.
        yield* TestClock.adjust("30 seconds")
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf ")
        yield* Deferred.await(heard)
        yield* TestClock.adjust(paused.upToEnd)
        expect(yield* Fiber.join(calling)).toMatchObject({ _tag: "EngineTimedOut", ...failure })
        socket.destroy()
      }),
    )
  }

  it.live("tells EngineUnreachable of a name nobody has", () =>
    Effect.gen(function* () {
      const http = yield* makeEngineHttp(new URL("http://no-such-host.invalid:9000"), { connectTimeout })
      expect((yield* Effect.flip(get(http)))._tag).toBe("EngineUnreachable")
    }),
  )

  it.live("tells EngineTimedOut of a host that does not accept the connection", () =>
    Effect.gen(function* () {
      // A thread that listens and never looks again: once its backlog is full, the kernel lets connections wait.
      const worker = yield* Effect.acquireRelease(
        Effect.sync(
          () =>
            new Worker(
              `const { parentPort } = require("node:worker_threads")
               const server = require("node:net").createServer()
               server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
                 parentPort.postMessage(server.address().port)
                 Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
               })`,
              { eval: true },
            ),
        ),
        (thread) => Effect.promise(() => thread.terminate()),
      )
      const port = yield* Effect.callback<number>((resume) => {
        worker.once("message", (listening: number) => resume(Effect.succeed(listening)))
      })
      const url = new URL(`http://127.0.0.1:${port}`)
      const http = yield* makeEngineHttp(url, { connectTimeout })
      // Those that fill the backlog connect and wait for an answer; only later ones cannot connect.
      const failures = yield* Effect.forEach(Array.from({ length: 6 }), () => Effect.flip(get(http)), {
        concurrency: "unbounded",
      })
      expect(failures).toContainEqual(
        expect.objectContaining({ _tag: "EngineTimedOut", phase: "connect", afterMillis: 1_000 }),
      )
    }),
  )

  const kept = (seconds: number) =>
    `HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\nkeep-alive: timeout=${seconds}\r\n\r\nok`

  it.live("uses a connection for one call only, unless the engine says for how long it keeps it", () =>
    Effect.gen(function* () {
      const silent = yield* rawServer(() => ok("ok"), true)
      const plain = yield* makeEngineHttp(silent.url, { connectTimeout })
      yield* Effect.repeat(get(plain), { times: 2 })
      expect(silent.connections()).toBe(3)

      const saying = yield* rawServer(() => kept(60), true)
      const keeping = yield* makeEngineHttp(saying.url, { connectTimeout })
      yield* Effect.repeat(get(keeping), { times: 2 })
      expect(saying.connections()).toBe(1)
      // Two at once do not wait for each other.
      yield* Effect.all([get(keeping), get(keeping)], { concurrency: "unbounded" })
      expect(saying.connections()).toBe(2)

      const hasty = yield* rawServer(() => kept(1), true)
      const careful = yield* makeEngineHttp(hasty.url, { connectTimeout })
      yield* Effect.repeat(get(careful), { times: 2 })
      expect(hasty.connections()).toBe(3)
    }),
  )

  it.live(
    "calls on a new connection where the engine has closed the kept one, and where the call before was left",
    () =>
      Effect.gen(function* () {
        const closing = yield* rawServer(() => kept(60))
        const http = yield* makeEngineHttp(closing.url, { connectTimeout })
        expect(yield* get(http)).toBe("ok")
        yield* Effect.sync(() => closing.open()).pipe(
          Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (open) => open === 0 }),
          Effect.timeout("1 minute"),
        )
        expect(yield* get(http)).toBe("ok")
        expect(closing.connections()).toBe(2)

        const long = yield* rawServer(() => kept(60).replace("length: 2", "length: 9999"), true)
        const leaving = yield* makeEngineHttp(long.url, { connectTimeout })
        const head = Effect.scoped(Effect.asVoid(leaving.call(HttpClientRequest.get("/"), clocks)))
        yield* Effect.repeat(head, { times: 1 })
        expect(long.connections()).toBe(2)
      }),
  )

  it.live("closes the connection with the scope, also of an answer that nobody read", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(() => "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nabc", true)
      const http = yield* makeEngineHttp(server.url, { connectTimeout })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* http.call(HttpClientRequest.get("/"), clocks)
          expect(server.open()).toBe(1)
        }),
      )
      yield* Effect.sync(() => server.open()).pipe(
        Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (open) => open === 0 }),
        Effect.timeout("1 minute"),
      )
    }),
  )

  it.live("asks below the base URL's own path, once for a /v1 at its end", () =>
    Effect.gen(function* () {
      const server = yield* rawServer((head) => ok(firstLine(head)))
      for (const [base, path] of [
        ["", "/v1/thing"],
        ["/", "/v1/thing"],
        ["/v1", "/v1/thing"],
        ["/v1/", "/v1/thing"],
        ["/magpie", "/magpie/v1/thing"],
        ["/magpie/v1/", "/magpie/v1/thing"],
      ] as const) {
        const http = yield* makeEngineHttp(new URL(`${server.url.origin}${base}`), { connectTimeout })
        expect(yield* get(http)).toBe(`GET ${path} HTTP/1.1`)
      }
    }),
  )

  it.live("does not follow or relay a redirect", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(() => status(302, "location: http://elsewhere/\r\n"))
      const http = yield* makeEngineHttp(server.url, { connectTimeout })
      expect(yield* Effect.flip(get(http))).toMatchObject({
        _tag: "EngineMalformed",
        message: "answered 302, a redirect to http://elsewhere/",
      })
    }),
  )

  it.live("reads no more than 4 KiB of an endless error", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(
        () => `HTTP/1.1 500 X\r\ncontent-length: 999999999\r\n\r\n${"CUDA error ".repeat(2_000)}`,
      )
      const http = yield* makeEngineHttp(server.url, { connectTimeout })
      const failure = yield* Effect.flip(get(http))
      expect(failure).toMatchObject({ _tag: "EngineRejected", status: 500 })
      expect(failure._tag === "EngineRejected" && failure.body.length).toBe(4_096)
    }),
  )

  it.live("says the status of an error that says nothing", () =>
    Effect.gen(function* () {
      const server = yield* rawServer(() => status(500))
      const http = yield* makeEngineHttp(server.url, { connectTimeout })
      expect(yield* Effect.flip(get(http))).toMatchObject({ status: 500, message: "answered 500", body: "" })
    }),
  )

  for (const [what, bytes, tag] of [
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "EngineMalformed"],
    ["a status line with a NUL", "HTTP/1.1 2\u00000 OK\r\n\r\n", "EngineMalformed"],
    [
      "a bad chunk size",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
      "EngineMalformed",
    ],
    ["a head that breaks off", "HTTP/1.1 200 OK\r\ncontent-le", "EngineUnreachable"],
    ["less than its length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "EngineCut"],
    ["no last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "EngineCut"],
    ["half a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc", "EngineCut"],
  ] as const) {
    it.live(`tells ${tag} of ${what}`, () =>
      Effect.gen(function* () {
        const server = yield* rawServer(() => bytes)
        const http = yield* makeEngineHttp(server.url, { connectTimeout })
        expect((yield* Effect.flip(get(http)))._tag).toBe(tag)
      }),
    )
  }

  it.live("says whether an answer's end could be told from a broken connection", () =>
    Effect.gen(function* () {
      const heads = ["content-length: 2\r\n", "transfer-encoding: chunked\r\n", "connection: close\r\n"]
      const bounded: Array<boolean> = []
      for (const head of heads) {
        const server = yield* rawServer(() => `HTTP/1.1 200 OK\r\n${head}\r\nab`)
        const http = yield* makeEngineHttp(server.url, { connectTimeout })
        bounded.push((yield* http.call(HttpClientRequest.get("/"), clocks)).bounded)
      }
      expect(bounded).toEqual([true, true, false])
    }),
  )
})

describe("readiness", () => {
  const ready = (answer: (path: string) => string) =>
    Effect.gen(function* () {
      const server = yield* rawServer((head) => answer(head.split(" ")[1]!))
      const http = yield* makeEngineHttp(server.url, { connectTimeout })
      return yield* Effect.match(readiness(http, Duration.seconds(1)), {
        onSuccess: () => "ready",
        onFailure: (failure) => failure._tag,
      })
    })

  it.live("believes the first of the three routes that is there", () =>
    Effect.gen(function* () {
      for (const there of ["/v1/health/ready", "/health", "/healthz"]) {
        expect(yield* ready((path) => (path === there ? ok(`{"status":"whatever"}`) : status(404)))).toBe("ready")
      }
      expect(yield* ready(() => status(404))).toBe("EngineRejected")
      expect(yield* ready((path) => (path === "/health" ? ok("OK") : status(503)))).toBe("EngineLoading")
      expect(yield* ready(() => status(500))).toBe("EngineRejected")
    }),
  )
})
