import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { ForgetfulSet } from "../../src/collections/Forgetful.ts"
import { makeLook } from "../../src/http/StalledReaders.ts"
import { rawConnection } from "../support/rawHttp.ts"

const ask = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
/** More than the kernel takes for a client that does not read. */
const answer = Buffer.alloc(40_000_000)

/** A client that was answered `answer` and has not read it, and the server's end of its connection. */
const stalled = Effect.gen(function* () {
  const sockets = new ForgetfulSet<Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const made = createServer((_, response) => void response.end(answer))
      made.on("connection", (socket: Socket) => sockets.add(socket))
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      }),
  )
  const { socket: client } = yield* rawConnection((server.address() as AddressInfo).port)
  client.pause()
  client.write(ask)
  yield* Effect.callback<void>((resume) => {
    server.once("request", () => resume(Effect.void))
  })
  const [socket] = sockets.members()
  return { client, look: makeLook(sockets), socket: socket! }
})

/** Reads so much. */
const read = (client: Socket, bytes: number) =>
  Effect.callback<void>((resume) => {
    let got = 0
    const take = (chunk: Buffer) => {
      got += chunk.length
      if (got < bytes) return
      client.off("data", take)
      client.pause()
      resume(Effect.void)
    }
    client.on("data", take)
    client.once("close", () => resume(Effect.void))
    client.resume()
  })

/** Until the kernel has moved all that it will. */
const settled = Effect.sleep("100 millis")

it.live("a reader found three times where it was before is reset, whatever it sends meanwhile", () =>
  Effect.gen(function* () {
    const { client, look, socket } = yield* stalled
    let looks = 0
    while (!socket.destroyed) {
      client.write(ask)
      yield* settled
      yield* look
      looks += 1
    }
    expect(looks).toBeGreaterThanOrEqual(4)
  }),
)

it.live("while nothing waits for the client nobody stalls", () =>
  Effect.gen(function* () {
    const { client, look, socket } = yield* stalled
    yield* read(client, answer.length)
    for (let looks = 0; looks < 5; looks++) yield* look
    expect(socket.destroyed).toBe(false)
  }),
)

it.live("one that reads is left alone, also while it is too slow for Node to notice", () =>
  Effect.gen(function* () {
    const { client, look, socket } = yield* stalled
    yield* settled
    yield* look
    const [written, waiting] = [socket.bytesWritten, socket.writableLength]
    for (let looks = 0; looks < 6; looks++) {
      yield* read(client, 150_000)
      yield* settled
      yield* look
    }
    expect([socket.bytesWritten, socket.writableLength]).toEqual([written, waiting])
    expect(socket.destroyed).toBe(false)
  }),
)
