import { Effect } from "effect"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"

/**
 * A port of its own in front of a server's, behind which the server can be as gone as a killed process is.
 *
 * @property kill resets every connection and refuses new ones
 * @property revive takes connections at the same port again
 */
export interface BrittlePort {
  readonly url: URL
  readonly kill: Effect.Effect<void>
  readonly revive: Effect.Effect<void>
}

/** For as long as the scope is open. */
export const brittlePort = Effect.fnUntraced(function* (target: URL) {
  const sockets = new Set<Socket>()
  let server: Server | undefined
  const listen = (port: number) =>
    Effect.callback<number>((resume) => {
      const starting = createServer((client) => {
        const onward = connect(Number(target.port), target.hostname)
        for (const [one, other] of [
          [client, onward],
          [onward, client],
        ] as const) {
          sockets.add(one)
          one.pipe(other)
          one.on("error", () => other.destroy())
          one.on("close", () => {
            sockets.delete(one)
            other.destroy()
          })
        }
      })
      starting.listen(port, "127.0.0.1", () => resume(Effect.succeed((starting.address() as AddressInfo).port)))
      server = starting
    })
  const kill = Effect.sync(() => {
    server?.close()
    server = undefined
    for (const socket of sockets) socket.resetAndDestroy()
  })
  const port = yield* Effect.acquireRelease(listen(0), () => kill)
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    kill,
    revive: Effect.asVoid(listen(port)),
  } satisfies BrittlePort
})
