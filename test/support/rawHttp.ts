import { Effect } from "effect"
import { connect, type Socket } from "node:net"

/** What came back over one connection until it closed. `reset`: it was torn down, not ended. */
export interface Exchange {
  readonly received: Buffer
  readonly reset: boolean
}

/** A connection for tests of bytes, which an HTTP client would hide. */
export interface RawConnection {
  readonly socket: Socket
  /** Waits until what was received contains `text`. */
  readonly seen: (text: string | RegExp) => Effect.Effect<string>
  /** Waits until the other side has closed. */
  readonly closed: Effect.Effect<Exchange>
}

/** Connects to a gateway on loopback; the connection goes with the scope. */
export const rawConnection = Effect.fnUntraced(function* (port: number) {
  const socket = yield* Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const made = connect(port, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )
  const chunks: Array<Buffer> = []
  const watchers = new Set<() => void>()
  let reset = false
  let over = false
  const notify = () => watchers.forEach((watch) => watch())
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    notify()
  })
  socket.on("error", () => {
    reset = true
  })
  socket.on("close", () => {
    over = true
    notify()
  })
  const until = <A>(read: () => A | undefined): Effect.Effect<A> =>
    Effect.callback<A>((resume) => {
      const watch = () => {
        const found = read()
        if (found === undefined) return
        watchers.delete(watch)
        resume(Effect.succeed(found))
      }
      watchers.add(watch)
      watch()
      return Effect.sync(() => watchers.delete(watch))
    })
  const connection: RawConnection = {
    socket,
    seen: (text) =>
      until(() => {
        const received = Buffer.concat(chunks).toString("latin1")
        const found = typeof text === "string" ? received.includes(text) : text.test(received)
        return found ? received : undefined
      }),
    closed: until(() => (over ? { received: Buffer.concat(chunks), reset } : undefined)),
  }
  return connection
})

/** A POST of JSON, as bytes. */
export const jsonPost = (path: string, body: unknown): string => {
  const text = JSON.stringify(body)
  return [
    `POST ${path} HTTP/1.1`,
    "host: localhost",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
    "",
    text,
  ].join("\r\n")
}
