import { Duration, Effect, Schedule } from "effect"
import { readFile } from "node:fs/promises"
import type { Server, Socket } from "node:net"
import { ForgetfulSet } from "../collections/Forgetful.ts"
import { reset } from "./connection/NodeResponse.ts"

/** How often one that stands still is seen to do so before it is cut; the first time tells where it stands. */
const looks = 3

/** Bytes that the other side of each connection has not taken yet, by the ports of both sides. */
type Untaken = ReadonlyMap<string, number>

const row = /:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]+):/g

const portsOf = (local: number | undefined, remote: number | undefined): string => `${local} ${remote}`

/** By the kernel's own books, where there are any: it is Linux that has them. */
const untakenByKernel: Effect.Effect<Untaken> = Effect.map(
  Effect.forEach(["/proc/net/tcp", "/proc/net/tcp6"], (path) =>
    Effect.orElseSucceed(
      Effect.tryPromise(() => readFile(path, "latin1")),
      () => "",
    ),
  ),
  (tables) => {
    const untaken = new Map<string, number>()
    for (const [, local = "", remote = "", bytes = ""] of tables.join("\n").matchAll(row)) {
      const ports = portsOf(Number.parseInt(local, 16), Number.parseInt(remote, 16))
      // Clients of two addresses may have one port; what moves for either moves the sum.
      untaken.set(ports, (untaken.get(ports) ?? 0) + Number.parseInt(bytes, 16))
    }
    return untaken
  },
)

/**
 * One look at who reads: whoever has something waiting, and has been found with exactly as much of it three times since, is
 * reset. A mere close would leave the kernel with megabytes that it goes on offering.
 *
 * Node learns that a slow client reads only when a third of the kernel's buffer is free, which can be a megabyte and take
 * minutes; so the kernel is asked.
 */
export const makeLook = (
  sockets: Pick<ForgetfulSet<Socket>, "members">,
  kernel: Effect.Effect<Untaken> = untakenByKernel,
) => {
  const seen = new WeakMap<Socket, { readonly at: string; times: number }>()
  return Effect.gen(function* () {
    const waiting: Array<Socket> = []
    for (const socket of sockets.members()) {
      if (socket.writableLength > 0) waiting.push(socket)
      else seen.delete(socket)
    }
    if (waiting.length === 0) return
    const untaken = yield* kernel
    for (const socket of waiting) {
      const at = `${socket.bytesWritten - socket.writableLength} ${untaken.get(portsOf(socket.localPort, socket.remotePort))}`
      const before = seen.get(socket)
      if (before?.at !== at) seen.set(socket, { at, times: 0 })
      else if (++before.times === looks) reset(socket)
    }
  })
}

/**
 * Breaks off answers of `server` whose client stays connected but takes nothing of what waits for it for as long as `patience`,
 * or a third longer: it would hold its flight and its file open for as long as it likes. While nothing waits, such as when an
 * engine pauses, nobody stalls. Node's own `server.timeout` would cut there, and counts what a client sends as reading.
 */
export const cutStalledReaders = Effect.fnUntraced(function* (server: Server, patience: Duration.Duration) {
  const sockets = new ForgetfulSet<Socket>()
  server.on("connection", (socket) => {
    const slot = sockets.add(socket)
    socket.once("close", () => sockets.delete(slot))
  })
  const every = Duration.millis(Math.max(1, Duration.toMillis(patience) / looks))
  yield* Effect.forkScoped(Effect.schedule(Effect.ignoreCause(makeLook(sockets)), Schedule.spaced(every)))
})
