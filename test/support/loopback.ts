import { Effect } from "effect"
import { createServer, type RequestListener } from "node:http"
import type { Server } from "node:net"

/** Where `server` listens from now on: a free port of loopback. */
export const listenOnLoopback = (server: Server) =>
  Effect.callback<URL>((resume) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") throw new Error("no port")
      resume(Effect.succeed(new URL(`http://127.0.0.1:${address.port}`)))
    })
  })

/** An HTTP server there, which goes with the scope and cuts its connections; `close` does so before. */
export const loopbackServer = Effect.fnUntraced(function* (answer: RequestListener) {
  const server = createServer(answer)
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  yield* Effect.addFinalizer(() => Effect.sync(close))
  return { url: yield* listenOnLoopback(server), close }
})
