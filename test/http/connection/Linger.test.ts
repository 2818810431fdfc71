import { expect, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { createServer, type Server, type Socket } from "node:net"
import { linger, type Patience } from "../../../src/http/connection/Linger.ts"
import { rawConnection } from "../../support/rawHttp.ts"

const hour = 3_600_000
const patient: Patience = { untilEnd: hour, longestSilence: 2 * hour, longestTime: hour, mostBytes: 1_000_000_000 }

/** A connection whose other side answers `done` to the first bytes, and lingers. */
const lingering = Effect.fnUntraced(function* (patience: Patience) {
  const accepted = yield* Deferred.make<Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const listening = createServer({ allowHalfOpen: true }, (socket) => {
        socket.once("data", () => {
          socket.write("done")
          linger(socket, patience)
        })
        Deferred.doneUnsafe(accepted, Effect.succeed(socket))
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) => Effect.sync(() => void listening.close()),
  )
  const address = server.address()
  const client = yield* rawConnection(address !== null && typeof address === "object" ? address.port : 0)
  client.socket.write("ask")
  yield* client.seen("done")
  return { client, socket: yield* Deferred.await(accepted) }
})

const gone = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.destroyed) resume(Effect.void)
    else socket.once("close", () => resume(Effect.void))
  })

it.live("what a client goes on sending is taken and dropped until it has closed, without a reset", () =>
  Effect.gen(function* () {
    const { client, socket } = yield* lingering(patient)
    for (let sent = 0; sent < 64; sent++) client.socket.write(Buffer.alloc(65_536))
    client.socket.end()
    yield* gone(socket)
    expect(socket.bytesRead).toBe(3 + 64 * 65_536)
    expect(yield* client.closed).toMatchObject({ reset: false })
  }),
)

it.live("a client that waits for the close is given it once it sends no more", () =>
  Effect.gen(function* () {
    const { client } = yield* lingering({ ...patient, untilEnd: 50 })
    expect((yield* client.closed).received.toString()).toBe("done")
  }),
)

it.live.each([
  ["is silent", { untilEnd: 10, longestSilence: 60 }, 0],
  ["sends too much", { mostBytes: 100_000 }, 2],
  ["goes on for too long", { longestTime: 0 }, 1],
] as const)("a client that %s and does not close is cut", ([, less, sent]) =>
  Effect.gen(function* () {
    const { client, socket } = yield* lingering({ ...patient, ...less })
    // It does not close because it is told to.
    client.socket.allowHalfOpen = true
    for (let piece = 0; piece < sent; piece++) client.socket.write(Buffer.alloc(65_536))
    yield* gone(socket)
  }),
)
