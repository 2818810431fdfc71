import type { Socket } from "node:net"

/**
 * How long a client may go on sending.
 *
 * @property untilEnd silence in milliseconds after which the client is told that nothing more comes; some wait for that
 * @property longestSilence in milliseconds
 * @property longestTime in milliseconds
 * @property mostBytes read and dropped
 */
export interface Patience {
  readonly untilEnd: number
  readonly longestSilence: number
  readonly longestTime: number
  readonly mostBytes: number
}

/** Times as nginx's `lingering_timeout` and `lingering_time`; bytes as ten uploads of the largest usual kind. */
const usual: Patience = { untilEnd: 500, longestSilence: 5_000, longestTime: 30_000, mostBytes: 256 * 1024 * 1024 }

const lingering = new WeakSet<Socket>()

/** Whether what still comes on `socket` is dropped unread. */
export const isLingering = (socket: Socket): boolean => lingering.has(socket)

/**
 * Closes a connection whose client may still be sending what nobody will read. A socket that is closed with bytes unread,
 * or that bytes come to after it was closed, is reset, and a reset takes the answer along that the client has not read yet:
 * it sees a broken pipe in place of a 413, and sends everything again. So what comes is dropped, no longer parsed, until
 * the client has closed, is silent, or goes on for too long. There is no FIN while bytes come: Node's own clients take one
 * in mid-upload for a failure.
 */
export const linger = (socket: Socket, patience = usual): void => {
  if (socket.destroyed || lingering.has(socket)) return
  lingering.add(socket)
  const until = performance.now() + patience.longestTime
  let left = patience.mostBytes
  // The HTTP server's own: its parser would take the next request, and its clock and its end of input close without waiting.
  for (const event of ["data", "end", "timeout"]) socket.removeAllListeners(event)
  socket.on("data", (bytes: Buffer) => {
    left -= bytes.length
    if (left < 0 || performance.now() > until) socket.destroy()
  })
  socket.on("end", () => socket.destroySoon())
  socket.on("error", () => socket.destroy())
  socket.on("timeout", () => {
    if (socket.writable) {
      socket.end()
      socket.setTimeout(patience.longestSilence - patience.untilEnd)
    } else {
      socket.destroy()
    }
  })
  socket.setTimeout(patience.untilEnd)
  // While the parser had the socket it left no read pending that `resume` would know of.
  socket.push("")
  socket.resume()
}
