import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"

/**
 * A way to the PostgreSQL at `port` that has faults.
 *
 * @property cut cuts a connection at its next commit: `after` the server has it, whose answer is lost, or `before`
 * @property silent loses what is sent either way, and tells nobody
 * @property lost pieces that were sent to the server meanwhile
 * @property silentFrom text with which it falls silent once it is sent to the server
 * @property deaf loses what the server sends on connections that listen
 */
export const wayTo = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly port: number
      cut: "after" | "before" | undefined
      cuts: number
      silent: boolean
      lost: number
      silentFrom: string | undefined
      deaf: boolean
      readonly close: () => void
    }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((client) => {
        const there = connect(port, "127.0.0.1")
        let [isLost, listens] = [false, false]
        for (const socket of [client, there]) {
          sockets.add(socket)
          socket.on("error", () => undefined)
        }
        client.on("close", () => there.end())
        there.on("close", () => client.destroy())
        client.on("data", (chunk) => {
          const { cut, silentFrom } = way
          listens ||= chunk.includes("LISTEN")
          if (silentFrom !== undefined && chunk.includes(silentFrom)) way.silent = true
          if (way.silent) return void way.lost++
          if (cut === undefined || !chunk.includes("COMMIT")) return void there.write(chunk)
          way.cut = undefined
          way.cuts++
          isLost = true
          if (cut === "after") there.write(chunk)
          else there.destroy()
        })
        there.on("data", (chunk) => {
          if (isLost) client.destroy()
          else if (!way.silent && !(listens && way.deaf)) client.write(chunk)
        })
      })
      const way = {
        port: 0,
        cut: undefined as "after" | "before" | undefined,
        cuts: 0,
        silent: false,
        lost: 0,
        silentFrom: undefined as string | undefined,
        deaf: false,
        close: () => {
          for (const socket of sockets) socket.destroy()
          server.close()
        },
      }
      server.listen(0, "127.0.0.1", () => {
        way.port = (server.address() as { readonly port: number }).port
        resume(Effect.succeed(way))
      })
    }),
    ({ close }) => Effect.sync(close),
  )
